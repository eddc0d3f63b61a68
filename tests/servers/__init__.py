"""The server classes and launchers, as processes with real sockets."""
