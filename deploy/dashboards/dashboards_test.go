package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// ofPrometheus are the metrics that Prometheus makes itself, and the labels that it puts on every target.
var ofPrometheus = struct{ metrics, labels []string }{[]string{"up"}, []string{"job", "instance"}}

// named is an expression and where it stands.
type named struct{ place, expr string }

type panel struct {
	ID      int    `json:"id"`
	Title   string `json:"title"`
	Type    string `json:"type"`
	GridPos struct{ H, W, X, Y int }
	Targets []struct {
		RefID, Expr, LegendFormat string
	}
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.Len(t, files, 2)
	all := map[string]dashboard{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(content, &d), file)
		all[file] = d
	}
	return all
}

type rules struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert, Expr, For string
	Labels           map[string]string
	Annotations      map[string]string
}

func alerts(t *testing.T) []rule {
	t.Helper()
	content, err := os.ReadFile("../../helm/aftercare/files/alerts.yaml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	decoder.KnownFields(true)
	var file rules
	require.NoError(t, decoder.Decode(&file))
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func expressions(t *testing.T) []named {
	t.Helper()
	var all []named
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, named{file + ", " + p.Title, target.Expr})
			}
		}
	}
	for _, r := range alerts(t) {
		all = append(all, named{r.Alert, r.Expr})
	}
	require.Greater(t, len(all), 50)
	return all
}

// missing tells what the product has not told so far of what the expressions ask for.
func missing(t *testing.T, all []named) []string {
	t.Helper()
	var wrong []string
	for _, e := range all {
		uses, err := usesOf(e.expr)
		require.NoError(t, err, e.place)
		require.NotEmpty(t, uses, e.place)
		for _, u := range uses {
			if slices.Contains(ofPrometheus.metrics, u.metric) {
				continue
			}
			labels := shared.labels(u.metric)
			if labels == nil {
				wrong = append(wrong, fmt.Sprintf("%s: there is no metric %s", e.place, u.metric))
				continue
			}
			for _, label := range u.labels {
				if labels[label] == nil && !slices.Contains(ofPrometheus.labels, label) {
					wrong = append(wrong, fmt.Sprintf("%s: %s has no label %s", e.place, u.metric, label))
				}
			}
			for label, value := range u.values {
				if labels[label] != nil && !labels[label][value] {
					wrong = append(wrong, fmt.Sprintf("%s: %s is never %s=%q", e.place, u.metric, label, value))
				}
			}
		}
	}
	sort.Strings(wrong)
	return slices.Compact(wrong)
}

func TestDashboardsAndAlertsAskForWhatTheProductTells(t *testing.T) {
	all := expressions(t)
	lived := make(chan error, 1)
	go func() { lived <- live(t.Context()) }()
	await(t, func() []string {
		require.NoError(t, shared.scrape(t.Context()))
		return missing(t, all)
	})
	require.NoError(t, <-lived)
}

func TestAlertsSayWhatTheyMeanAndWhereToLook(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		require.True(t, strings.HasPrefix(r.Alert, "Aftercare"), r.Alert)
		require.False(t, seen[r.Alert], "%s twice", r.Alert)
		seen[r.Alert] = true
		require.NotEmpty(t, r.For, r.Alert)
		require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "docs/runbook.md#"+strings.ToLower(r.Alert), r.Annotations["runbook"])
	}
	require.GreaterOrEqual(t, len(seen), 11)
}

func TestDashboardsCanBeImported(t *testing.T) {
	uids := map[string]bool{}
	for file, d := range dashboards(t) {
		require.NotEmpty(t, d.Title, file)
		require.GreaterOrEqual(t, d.SchemaVersion, 39, file)
		require.False(t, uids[d.UID], "%s: uid %q twice", file, d.UID)
		uids[d.UID] = true
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: panel %d twice", file, p.ID)
			ids[p.ID] = true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, "%s: %s is too wide", file, p.Title)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%s: %s lies on another panel", file, p.Title)
					taken[[2]int{x, y}] = p.Title
				}
			}
			require.Equal(t, p.Type == "row", len(p.Targets) == 0, "%s: %s", file, p.Title)
		}
	}
}
