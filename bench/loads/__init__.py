"""The loads: each drives one scenario and measures it. They run in a process of their own."""
