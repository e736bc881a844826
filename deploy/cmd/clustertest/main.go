// Command clustertest proves the Helm chart on the cluster of KUBECONFIG, see package cluster. `make cluster-test` builds
// what it needs and runs it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"aftercare.dev/deploy/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "clustertest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o cluster.Options
	var load string
	flag.StringVar(&o.Host, "host", "", "the address of this machine as pods reach it")
	flag.StringVar(&o.Images, "images", "", "a folder with the image archives of both versions, each in a folder of its name")
	flag.StringVar(&o.Versions[0], "from", "", "the version that is installed")
	flag.StringVar(&o.Versions[1], "to", "", "the version that it is upgraded to")
	flag.StringVar(&load, "load", "", `the command that takes an archive, such as "kind load image-archive"`)
	flag.StringVar(&o.Charts, "charts", "helm", "the folder with the charts")
	flag.StringVar(&o.Helm, "helm", "helm", "the program helm")
	flag.StringVar(&o.Kubectl, "kubectl", "kubectl", "the program kubectl")
	flag.StringVar(&o.Namespace, "namespace", "aftercare-test", "the namespace, which is removed")
	flag.IntVar(&o.Deletions, "deletions", 10, "how many pods are deleted")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "which pods")
	flag.Parse()
	for name, value := range map[string]string{
		"KUBECONFIG": os.Getenv("KUBECONFIG"), "CLUSTER_HOST": o.Host, "CLUSTER_LOAD": load, "--images": o.Images, "--from": o.Versions[0], "--to": o.Versions[1],
	} {
		if value == "" {
			return fmt.Errorf("%s is not set: make cluster-test KUBECONFIG=… CLUSTER_HOST=<this machine, as pods reach it> "+
				`CLUSTER_LOAD="<command that takes an image archive>"`, name)
		}
	}
	o.Load = strings.Fields(load)
	dir, err := os.MkdirTemp("", "aftercare-cluster-")
	if err != nil {
		return err
	}
	o.Dir, o.Out = dir, os.Stdout
	fmt.Printf("seed %d; values and logs are in %s\n", o.Seed, dir)
	result, failed := cluster.Run(ctx, o)
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return failed
}
