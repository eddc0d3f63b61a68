"""The Socket.IO door: Engine.IO over HTTP and WebSocket, its errors, and the client's files."""
