"""The realtime engine: namespaces, rooms and events over Socket.IO and plain WebSocket."""
