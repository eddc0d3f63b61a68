"""The codecs and state machines, without a loop."""
