"""The library: a function for each verb of the command line, in a file of its name."""
