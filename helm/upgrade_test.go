package helm_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// record writes down what a release renders, before it is published: go test -run TestAnUpgrade -record 0.3.0
var record = flag.String("record", "", "the version of a release whose values and objects are to be kept under testdata/releases")

const releases = "testdata/releases"

// An upgrade is given the values that the last installation had, and changes objects that are there. What Kubernetes
// refuses to change would leave it half done.
func TestAnUpgradeFromEachReleaseIsPossible(t *testing.T) {
	if *record != "" {
		keep(t, *record)
	}
	kept, err := filepath.Glob(filepath.Join(releases, "*", "*", "*-values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	for _, file := range kept {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(file[:len(file)-len("-values.yaml")] + "-objects.json")
			require.NoError(t, err)
			var before map[string]any
			require.NoError(t, json.Unmarshal(raw, &before))
			rendered, err := renderWith4(filepath.Base(filepath.Dir(file)), readValues(t, file), release{upgrade: true})
			require.NoError(t, err, "values of that release are refused: take them still, or say in the changelog what to do")
			after := fixed(t, decode(t, documents(t, rendered)))
			require.NotEmpty(t, before)
			for name, was := range before {
				require.Contains(t, after, name, "the object would be deleted: rename nothing that holds data or is called by name")
				require.Equal(t, was, after[name], "%s: Kubernetes refuses this change", name)
			}
		})
	}
}

// fixed are the fields that cannot be changed, by kind and name of the object.
func fixed(t *testing.T, objects Objects) map[string]any {
	t.Helper()
	found := map[string]any{}
	for name, deployment := range of[*apps.Deployment](objects, "Deployment") {
		found["Deployment "+name] = deployment.Spec.Selector
	}
	for name, claim := range of[*core.PersistentVolumeClaim](objects, "PersistentVolumeClaim") {
		found["PersistentVolumeClaim "+name] = map[string]any{
			"accessModes": claim.Spec.AccessModes, "storageClassName": claim.Spec.StorageClassName,
		}
	}
	for name, service := range of[*core.Service](objects, "Service") {
		found["Service "+name] = map[string]any{"clusterIP": service.Spec.ClusterIP, "ports": service.Spec.Ports}
	}
	raw, err := json.Marshal(found)
	require.NoError(t, err)
	var plain map[string]any
	require.NoError(t, json.Unmarshal(raw, &plain))
	return plain
}

// keep writes the values files and the fixed fields of what they render.
func keep(t *testing.T, version string) {
	t.Helper()
	for _, chart := range []string{product, outside} {
		folder := filepath.Join(releases, version, chart)
		require.NoError(t, os.MkdirAll(folder, 0o755))
		for _, file := range valuesFiles(t, chart) {
			values, err := os.ReadFile(file)
			require.NoError(t, err)
			name := filepath.Join(folder, filepath.Base(file))
			require.NoError(t, os.WriteFile(name, values, 0o644))
			objects, err := json.MarshalIndent(fixed(t, install(t, chart, readValues(t, file))), "", "  ")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name[:len(name)-len("-values.yaml")]+"-objects.json", append(objects, '\n'), 0o644))
		}
	}
}

// A release is installed with one values file and upgraded with another; a component keeps its selector.
func TestSelectorsDoNotDependOnTheValues(t *testing.T) {
	selectors := func(values map[string]any) map[string]map[string]string {
		found := map[string]map[string]string{}
		for _, deployment := range of[*apps.Deployment](install(t, product, values), "Deployment") {
			found[deployment.Labels["app.kubernetes.io/component"]] = deployment.Spec.Selector.MatchLabels
		}
		return found
	}
	first := selectors(readValues(t, "aftercare/ci/default-values.yaml"))
	for _, file := range valuesFiles(t, product) {
		others := selectors(readValues(t, file))
		shared := 0
		for _, component := range slices.Sorted(maps.Keys(first)) {
			if other, ok := others[component]; ok {
				require.Equal(t, first[component], other, "%s: %s", file, component)
				shared++
			}
		}
		require.Positive(t, shared, file)
	}
}
