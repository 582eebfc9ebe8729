"""What every other room may use: errors, the contract between compiler and pod, addresses, signals."""
