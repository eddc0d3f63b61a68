"""Our WebSocket protocol classes and launchers for Daphne, Uvicorn and Granian."""
