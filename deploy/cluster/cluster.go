// Package cluster proves the Helm chart on a real Kubernetes: it installs the house beside a MySQL-family server and a
// Temporal server of this machine, keeps a shop busy through the gateway's Service, and meanwhile upgrades, deletes pods
// and rolls back. Nobody may notice: every request is answered, every case is closed and paid once, or waits where it
// should.
//
// Payloads are encrypted and metrics are served on the way, as in a house that has everything on.
//
// It works on any cluster whose pods reach this machine and that takes images by a command, such as
// "kind load image-archive". Namespaces enforce the restricted Pod Security Standard.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aftercare.dev/deploy/load"
	"aftercare.dev/deploy/split"
)

// Options say which cluster, and with what.
type Options struct {
	// Host is the address of this machine as pods reach it.
	Host string
	// Images has a folder with the image archives of each of the two versions, under its name.
	Images   string
	Versions [2]string
	// Load is the command that takes an archive, as its last argument.
	Load []string
	// Charts is the folder with the charts.
	Charts string
	// Helm and Kubectl are the programs. The cluster is the one of KUBECONFIG.
	Helm, Kubectl string
	// Namespace is made, and removed in the end.
	Namespace string
	// Deletions is how many pods are deleted, and Seed which ones.
	Deletions int
	Seed      uint64
	// Dir keeps what is written on the way, values and logs.
	Dir string
	Out io.Writer
}

// Result is what was proven.
type Result struct {
	Seed uint64 `json:"seed"`
	// InstallSeconds is what helm took until everything was ready, FirstCaseSeconds how long it was from its start to the
	// first case that was closed.
	InstallSeconds   float64      `json:"install_seconds"`
	FirstCaseSeconds float64      `json:"first_case_seconds"`
	UpgradeSeconds   float64      `json:"upgrade_seconds"`
	RollbackSeconds  float64      `json:"rollback_seconds"`
	PodsDeleted      int          `json:"pods_deleted"`
	Shopping         load.Account `json:"shopping"`
}

// The names in the cluster.
const (
	release        = "aftercare"
	outsideRelease = "aftercare-sandbox"
	houseSecret    = "aftercare-trial"
	outsideSecret  = houseSecret + "-sandbox"
	databaseSecret = "aftercare-databases"
	payloadSecret  = "aftercare-payloads"
	gatewayURL     = "http://aftercare-gateway:8080"
	sandboxURL     = "http://aftercare-sandbox:8090"
)

const (
	// some cases are closed between one change and the next.
	some = 12
	// left is how many cases wait for a person all the time.
	left = 3
)

// run is a proof under way.
type run struct {
	Options
	servers *servers
	begun   time.Time
	result  Result
}

type object = map[string]any

// Run carries the proof out, and cleans up whatever happens.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	r := &run{Options: o, begun: time.Now(), result: Result{Seed: o.Seed}}
	defer func() { err = errors.Join(err, r.clean(context.WithoutCancel(ctx))) }()
	for _, step := range []struct {
		does string
		do   func(context.Context) error
	}{
		{"build the servers of this machine", r.build},
		{"load the images", r.load},
		{"start MySQL and Temporal on this machine", r.startServers},
		{"make the namespace and the secrets", r.prepare},
		{"install the outside world", r.installOutside},
		{"install the house, keep it busy, change it under way", r.live},
		{"uninstall", r.uninstall},
	} {
		r.say("%s", step.does)
		if err := step.do(ctx); err != nil {
			r.explain(context.WithoutCancel(ctx))
			return r.result, fmt.Errorf("%s: %w", step.does, err)
		}
	}
	return r.result, nil
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Out, "%6.1fs  %s\n", time.Since(r.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (r *run) build(ctx context.Context) error {
	_, err := split.Build(ctx, filepath.Join(r.Dir, "bin"), "aftercare", "sandbox")
	return err
}

func (r *run) load(ctx context.Context) error {
	for _, version := range r.Versions {
		archives, err := filepath.Glob(filepath.Join(r.Images, version, "*.tar"))
		if err != nil || len(archives) == 0 {
			return fmt.Errorf("there are no image archives of %s in %s", version, r.Images)
		}
		for _, archive := range archives {
			if _, err := r.tool(ctx, nil, r.Load[0], append(slices.Clone(r.Load[1:]), archive)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) prepare(ctx context.Context) error {
	if _, err := r.kubectl(ctx, "delete", "namespace", r.Namespace, "--ignore-not-found", "--timeout=120s"); err != nil {
		return err
	}
	namespace := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": r.Namespace, "labels": object{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
	}}}
	if err := r.apply(ctx, namespace); err != nil {
		return err
	}
	return r.secrets(ctx)
}

// live installs the house and changes it while people shop.
func (r *run) live(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Minute)
	defer stop()
	begun := time.Now()
	if err := r.install(ctx, "install", r.Versions[0]); err != nil {
		return err
	}
	r.result.InstallSeconds = since(begun)
	r.say("installed after %.1f s", r.result.InstallSeconds)
	shoppers, err := r.shop(ctx)
	if err != nil {
		return err
	}
	if err := shoppers.until(ctx, 1); err != nil {
		return err
	}
	r.result.FirstCaseSeconds = shoppers.first.Sub(begun).Seconds()
	r.say("the first case is closed %.1f s after helm install began", r.result.FirstCaseSeconds)
	for _, change := range []func(context.Context) error{r.upgrade, r.deletePods, r.rollBack} {
		if err := shoppers.until(ctx, some); err != nil {
			return err
		}
		if err := change(ctx); err != nil {
			return err
		}
	}
	if err := shoppers.until(ctx, some); err != nil {
		return err
	}
	r.say("the shoppers finish; %d cases are closed so far", shoppers.count())
	r.result.Shopping, err = r.goHome(ctx, shoppers)
	return err
}

func (r *run) upgrade(ctx context.Context) error {
	begun := time.Now()
	err := r.install(ctx, "upgrade", r.Versions[1])
	r.result.UpgradeSeconds = since(begun)
	r.say("upgraded to %s with cases in flight, in %.1f s", r.Versions[1], r.result.UpgradeSeconds)
	return err
}

func (r *run) rollBack(ctx context.Context) error {
	begun := time.Now()
	_, err := r.helm(ctx, "rollback", release, "1", "--wait", "--timeout=5m")
	r.result.RollbackSeconds = since(begun)
	r.say("rolled back to %s in %.1f s", r.Versions[0], r.result.RollbackSeconds)
	return err
}

const ofRelease = "app.kubernetes.io/instance=" + release

// deletePods deletes pods at random, one after the other, and lets the house become whole in between.
func (r *run) deletePods(ctx context.Context) error {
	chance := rand.New(rand.NewPCG(r.Seed, r.Seed))
	for range r.Deletions {
		found, err := r.kubectl(ctx, "get", "pods", "--namespace", r.Namespace, "--selector", ofRelease,
			"--field-selector=status.phase=Running", "--sort-by=.metadata.labels.app\\.kubernetes\\.io/component", "--output=name")
		if err != nil {
			return err
		}
		pods := lines(found)
		pod := pods[chance.IntN(len(pods))]
		if _, err := r.kubectl(ctx, "delete", "--namespace", r.Namespace, pod, "--wait=false"); err != nil {
			return err
		}
		r.result.PodsDeleted++
		r.say("deleted %s", pod)
		if err := r.whole(ctx); err != nil {
			return err
		}
	}
	return nil
}

// whole waits until every Deployment has what it wants.
func (r *run) whole(ctx context.Context) error {
	_, err := r.kubectl(ctx, "rollout", "status", "deployment", "--namespace", r.Namespace, "--selector", ofRelease, "--timeout=180s")
	return err
}

func (r *run) uninstall(ctx context.Context) error {
	for _, name := range []string{release, outsideRelease} {
		if _, err := r.helm(ctx, "uninstall", name, "--wait", "--timeout=3m"); err != nil {
			return err
		}
	}
	const kinds = "deployments,services,jobs,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,horizontalpodautoscalers"
	remains, err := r.kubectl(ctx, "get", kinds, "--namespace", r.Namespace, "--selector", "app.kubernetes.io/instance in ("+release+","+outsideRelease+")", "--output=name")
	if err == nil && len(lines(remains)) > 0 {
		err = fmt.Errorf("the releases are gone and left behind %v", lines(remains))
	}
	return err
}

// clean removes the namespace and stops the servers.
func (r *run) clean(ctx context.Context) error {
	_, err := r.kubectl(ctx, "delete", "namespace", r.Namespace, "--ignore-not-found", "--timeout=180s")
	return errors.Join(err, r.servers.stop())
}

// explain keeps what the cluster has to say about a failure.
func (r *run) explain(ctx context.Context) {
	for name, args := range map[string][]string{
		"pods":   {"get", "pods", "--output=wide"},
		"events": {"get", "events", "--sort-by=.lastTimestamp"},
		"logs":   {"logs", "--selector", ofRelease, "--tail=200", "--prefix", "--max-log-requests=50"},
	} {
		out, err := r.kubectl(ctx, append(args, "--namespace", r.Namespace)...)
		if err != nil {
			out += err.Error()
		}
		path := filepath.Join(r.Dir, name+".txt")
		if err := os.WriteFile(path, []byte(out), 0o600); err == nil {
			r.say("see %s", path)
		}
	}
}

func since(begun time.Time) float64 { return time.Since(begun).Seconds() }
