package helm_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	engine4 "helm.sh/helm/v4/pkg/engine"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	product = "aftercare"
	outside = "aftercare-sandbox"
)

// release is what Helm tells a chart about what it does.
type release struct {
	upgrade bool
	// minor is the cluster's, of Kubernetes 1; empty is one of today.
	minor string
}

// minor is a version of Kubernetes that the charts are for.
const minor = "34"

// renderer renders a chart with values as one Helm does it: texts by the names of the templates.
type renderer func(chart string, values map[string]any, r release) (map[string]string, error)

var helms = map[string]renderer{"Helm 3": renderWith3, "Helm 4": renderWith4}

func renderWith3(name string, values map[string]any, r release) (map[string]string, error) {
	chart, err := loader3.LoadDir(name)
	if err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion.Minor = cmp.Or(r.minor, minor)
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{
		Name: name, Namespace: "shop", Revision: revision(r), IsInstall: !r.upgrade, IsUpgrade: r.upgrade,
	}, capabilities)
	if err != nil {
		return nil, err
	}
	return engine3.Render(chart, all)
}

func renderWith4(name string, values map[string]any, r release) (map[string]string, error) {
	chart, err := loader4.LoadDir(name)
	if err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion.Minor = cmp.Or(r.minor, minor)
	all, err := util.ToRenderValues(chart, values, common.ReleaseOptions{
		Name: name, Namespace: "shop", Revision: revision(r), IsInstall: !r.upgrade, IsUpgrade: r.upgrade,
	}, capabilities)
	if err != nil {
		return nil, err
	}
	return engine4.Render(chart, all)
}

func revision(r release) int {
	if r.upgrade {
		return 2
	}
	return 1
}

// valuesFiles are the files in the ci folder of a chart.
func valuesFiles(t *testing.T, chart string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	values := map[string]any{}
	require.NoError(t, yaml.UnmarshalStrict(raw, &values), file)
	return values
}

// documents splits what was rendered into objects, in JSON; the notes are left out.
func documents(t *testing.T, rendered map[string]string) [][]byte {
	t.Helper()
	var found [][]byte
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, document := range split(t, rendered[name]) {
			converted, err := yaml.YAMLToJSONStrict(document)
			require.NoError(t, err, "%s: %s", name, document)
			if !bytes.Equal(converted, []byte("null")) {
				found = append(found, converted)
			}
		}
	}
	return found
}

func split(t *testing.T, text string) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	var parts [][]byte
	for {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return parts
		}
		require.NoError(t, err)
		parts = append(parts, part)
	}
}

// each runs a test for every values file of both charts, as an installation by Helm 4.
func each(t *testing.T, test func(t *testing.T, chart string, objects Objects)) {
	t.Helper()
	for _, chart := range []string{product, outside} {
		for _, file := range valuesFiles(t, chart) {
			t.Run(file, func(t *testing.T) {
				test(t, chart, install(t, chart, readValues(t, file)))
			})
		}
	}
}

// install renders by Helm 4 and decodes.
func install(t *testing.T, chart string, values map[string]any) Objects {
	t.Helper()
	rendered, err := renderWith4(chart, values, release{})
	require.NoError(t, err)
	return decode(t, documents(t, rendered))
}

func TestHelm3AndHelm4RenderTheSame(t *testing.T) {
	for _, chart := range []string{product, outside} {
		for _, file := range valuesFiles(t, chart) {
			t.Run(file, func(t *testing.T) {
				values := readValues(t, file)
				three, err := renderWith3(chart, values, release{})
				require.NoError(t, err)
				four, err := renderWith4(chart, values, release{})
				require.NoError(t, err)
				require.Equal(t, three, four)
				require.NotEmpty(t, documents(t, four))
			})
		}
	}
}

func TestNotesTellWhatToDoNext(t *testing.T) {
	rendered, err := renderWith4(product, readValues(t, "aftercare/ci/default-values.yaml"), release{})
	require.NoError(t, err)
	notes := rendered["aftercare/templates/NOTES.txt"]
	require.Contains(t, notes, "kubectl -n shop port-forward service/aftercare-gateway 8080:8080")
	require.Contains(t, notes, "networkPolicy: every pod of the cluster can reach the services")
}
