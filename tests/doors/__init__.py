"""The Socket.IO door: long-polling, upgrades, the client's files, and who may read answers."""
