"""What exit codes mean."""

EXIT_DONE, EXIT_OUR_FAULT, EXIT_USER_CAN_MEND = 0, 1, 2
EXIT_SIGNAL = 128  # and the signal's number: 130 for Ctrl-C, 143 for SIGTERM
