"""Sans-I/O protocol code: values in, values out."""
