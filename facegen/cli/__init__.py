"""The command line: options, progress, messages, exit codes; a file for each verb."""
