"""What Argo and Kubernetes refuse, and limits that a flow has to fit into."""
