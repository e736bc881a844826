package counts

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/journey"
)

var (
	update = flag.Bool("update", false, "write what is counted to testdata/counts.json")
	list   = flag.Bool("statements", false, "print the statements of each kind of case, by service and operation")
)

// What a plain return may cost at most, whatever the table says.
const (
	// maxEvents and maxBytes are of the history of the case's own workflow.
	maxEvents = 60
	maxBytes  = 60 << 10
	// maxStatements are those of SQL, all services together: 88, and two more for marks of delivered messages that a slow
	// machine gathers less of.
	maxStatements = 90
)

// retakes is of how many cases one must cost no more than the most of the three that the table was made of.
const retakes = 5

// slow are kinds that wait for longer than a test should.
var slow = map[string]bool{"courier, lost": true}

// TestWhatACaseCostsDoesNotRise plays every kind of case and compares it with the table. Run it with -update if a count
// fell, or if it rose for a good reason; with -v it prints what it counts.
func TestWhatACaseCostsDoesNotRise(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	house, err := Open(ctx, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(house.Close)
	table, err := tableOf(tableFile)
	require.NoError(t, err)
	measured := map[string]Cost{}
	shop, err := journey.Open(ctx, house.Door, house.SandboxURL)
	require.NoError(t, err)
	for _, k := range journey.Kinds() {
		if slow[k.Name] {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			count := func() Cost {
				cost, err := house.Count(ctx, shop.Merchant, func(ctx context.Context) (string, error) { return shop.Case(ctx, k) })
				require.NoError(t, err)
				t.Logf("one case: %v, its workflow %+v, children %+v", cost.Statements, cost.Parent, cost.Children)
				return cost
			}
			var cost Cost
			if *update {
				all := []Cost{count(), count(), count()}
				cost = Typical(all...)
				table[k.Name] = rowOf(all[0]).most(rowOf(all[1])).most(rowOf(all[2]))
			} else {
				cost = wantAsBefore(t, table[k.Name], count)
			}
			measured[k.Name] = cost
			if *list {
				printStatements(t, cost)
			}
			if k.Name == journey.Plain().Name {
				wantPlain(t, cost)
			}
		})
	}
	t.Logf("what a case costs:\n%s", tabulate(measured))
	if *update {
		require.NoError(t, write(tableFile, table))
	}
}

// wantAsBefore has cases counted until one costs no more than the table says, and returns the last.
func wantAsBefore(t *testing.T, known row, count func() Cost) Cost {
	t.Helper()
	for take := 1; ; take++ {
		cost := count()
		risen, fallen := known.against(cost)
		if len(risen) > 0 && take < retakes {
			continue
		}
		if len(risen) > 0 {
			t.Errorf("a case costs more than the table %s says; if it has to, run the test with -update:\n%s", tableFile, strings.Join(risen, "\n"))
		}
		if len(fallen) > 0 {
			t.Logf("a case costs less than the table %s says; run the test with -update, so that it stays so:\n%s", tableFile, strings.Join(fallen, "\n"))
		}
		return cost
	}
}

func wantPlain(t *testing.T, cost Cost) {
	t.Helper()
	require.LessOrEqual(t, cost.Parent.Events, maxEvents, "events of a plain return")
	require.LessOrEqual(t, cost.Parent.Bytes, maxBytes, "bytes of a plain return")
	require.LessOrEqual(t, cost.Total(), maxStatements, "SQL statements of a plain return: %v", cost.Statements)
}

// tabulate writes a line for each kind.
func tabulate(measured map[string]Cost) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		c := measured[name]
		fmt.Fprintf(w, "%s\t%d statements\t%v\t%d transactions\tlooks %v\t%d actions, %d with an activity for each step\n",
			name, c.Total(), c.Statements, sum(c.Transactions), c.Looks, c.Workflow().Actions, c.Workflow().Straightforward)
		line(w, "the case", c.Parent)
		for _, kind := range slices.Sorted(maps.Keys(c.Children)) {
			line(w, kind, c.Children[kind])
		}
	}
	_ = w.Flush() // to memory
	return out.String()
}

func line(w io.Writer, name string, f Workflow) {
	fmt.Fprintf(w, "\t%s\t%d events\t%d bytes\t%d transitions\t%d actions\n", name, f.Events, f.Bytes, f.Transitions, f.Actions)
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// printStatements writes the statements of a case, the most frequent first.
func printStatements(t *testing.T, cost Cost) {
	t.Helper()
	for _, by := range []struct {
		title string
		key   func(Made) string
	}{
		{"by operation", func(m Made) string {
			return fmt.Sprintf("%-12s %-32s %s", m.Service, cmp.Or(m.For, "relay"), m.Operation)
		}},
		{"by text", func(m Made) string { return fmt.Sprintf("%-12s %.200s", m.Service, m.Text) }},
		{"by operation and text", func(m Made) string {
			return fmt.Sprintf("%-12s %s: %.200s", m.Service, cmp.Or(m.Operation, "relay"), m.Text)
		}},
	} {
		often := map[string]int{}
		for _, m := range cost.List {
			often[by.key(m)]++
		}
		keys := slices.SortedFunc(maps.Keys(often), func(a, b string) int { return cmp.Or(often[b]-often[a], cmp.Compare(a, b)) })
		fmt.Fprintf(os.Stdout, "-- %s, %s (%d)\n", t.Name(), by.title, len(cost.List))
		for _, key := range keys {
			fmt.Fprintf(os.Stdout, "%4d  %s\n", often[key], key)
		}
	}
}
