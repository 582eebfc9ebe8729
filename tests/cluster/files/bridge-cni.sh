#!/bin/bash
# The pod network, in place of kindnetd, which is no Go module: the bridge plugin on this node's podCIDR, and routes to
# the other nodes'. It enforces no NetworkPolicy.
conf=/etc/cni/net.d/10-kind-bridge.conflist
nodes='{range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'

configure() {
  jq -n --arg cidr "$1" '{cniVersion: "0.4.0", name: "kind", plugins: [
    {type: "bridge", bridge: "cni0", isGateway: true, ipMasq: true, hairpinMode: true,
     ipam: {type: "host-local", ranges: [[{subnet: $cidr}]], routes: [{dst: "0.0.0.0/0"}]}},
    {type: "portmap", capabilities: {portMappings: true}}]}' > $conf.new && mv $conf.new $conf
}

while :; do
  kubectl --kubeconfig=/etc/kubernetes/kubelet.conf get nodes -o jsonpath="$nodes" 2> /dev/null |
    while read -r name cidr ip; do
      [ -n "$ip" ] || continue
      if [ "$name" != "$(hostname)" ]; then
        ip route replace "$cidr" via "$ip"
      elif [ ! -f $conf ]; then
        configure "$cidr"
      fi
    done
  if [ -f $conf ]; then sleep 10; else sleep 0.5; fi
done
