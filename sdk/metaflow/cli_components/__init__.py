"""The commands of a flow's file, where Metaflow has them."""
