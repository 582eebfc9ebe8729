"""The ground floor, which the runtime's other packages import: errors, the contract of a pod, addresses, signals."""
