"""Checks of a flow against the rules and limits of Argo and Kubernetes."""
