"""``python -m tests.conformance --profile engine|socketio|client|check --port N``."""

from tests.conformance.command import main

main()
