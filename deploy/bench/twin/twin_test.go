package twin_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

func TestATwinLeavesWhatTheProductLeaves(t *testing.T) {
	c := dialed(t)
	var err error
	for range rounds {
		shape, product := learned(t, c)
		stop := at(t, c, shape)
		twins := played(t, c, shape)
		stop()
		t.Logf("product %+v, twin %+v", product, twins)
		if err = twin.Compare(product, twins); err == nil {
			return
		}
	}
	require.NoError(t, err)
}

func TestATwinDoesWhatTheProductDoes(t *testing.T) {
	c := dialed(t)
	settles(t, func() (product, twins [][]string) {
		id := plainReturn(t)
		shape, err := twin.Learn(soon(t), c, id)
		require.NoError(t, err)
		defer at(t, c, shape)()
		driver, err := twin.NewDriver(c, shape)
		require.NoError(t, err)
		played := ids.New("case")
		require.NoError(t, driver.Case(soon(t), played))
		return doings(t, c, id), doings(t, c, driver.WorkflowID(played))
	})
}

func TestAShapeWithAnActivityMoreIsRefused(t *testing.T) {
	c := dialed(t)
	shape, product := learned(t, c)
	shape = withActivity(t, shape)
	at(t, c, shape)
	err := twin.Compare(product, played(t, c, shape))
	var difference *twin.DifferenceError
	require.ErrorAs(t, err, &difference)
	require.Equal(t, "events", difference.What)
}

// withActivity is the shape with an activity that is awaited once more.
func withActivity(t *testing.T, s twin.Shape) twin.Shape {
	t.Helper()
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	var changed twin.Shape
	require.NoError(t, json.Unmarshal(encoded, &changed))
	require.Equal(t, s, changed, "a shape can be kept as JSON")
	ran, number := twin.Command{}, 0
	for _, step := range changed.Steps {
		for _, command := range step.Does {
			if command.Kind == twin.RunRemote {
				ran = command
				number++
			}
		}
	}
	last := len(changed.Steps) - 1
	changed.Steps[last-1].Does = append(changed.Steps[last-1].Does, ran)
	changed.Steps[last].Wakes = append(changed.Steps[last].Wakes, twin.Wake{Kind: twin.ActivityEnded, Number: number})
	return changed
}

// TestATwinGoesOnFromItsHistory takes the workers, and what they remember, away in the middle of a case: nothing is done
// twice, and nothing is missing.
func TestATwinGoesOnFromItsHistory(t *testing.T) {
	c := dialed(t)
	settles(t, func() (product, twins [][]string) {
		id := plainReturn(t)
		shape, err := twin.Learn(soon(t), c, id)
		require.NoError(t, err)
		driver, err := twin.NewDriver(c, shape)
		require.NoError(t, err)
		ctx := soon(t)
		played := ids.New("case")
		stop := at(t, c, shape)
		for number := range shape.Updates {
			require.NoError(t, driver.Send(ctx, played, number))
			if number == 1 {
				stop()
				worker.PurgeStickyWorkflowCache()
				stop = at(t, c, shape)
			}
		}
		require.NoError(t, c.GetWorkflow(ctx, driver.WorkflowID(played), "").Get(ctx, nil))
		stop()
		return doings(t, c, id), doings(t, c, driver.WorkflowID(played))
	})
}

func TestATwinDoesTheSameWhenItIsReplayed(t *testing.T) {
	c := dialed(t)
	shape, err := twin.Learn(soon(t), c, plainReturn(t))
	require.NoError(t, err)
	at(t, c, shape)
	driver, err := twin.NewDriver(c, shape)
	require.NoError(t, err)
	id := ids.New("case")
	require.NoError(t, driver.Case(soon(t), id))
	all, err := twin.Histories(soon(t), c, driver.WorkflowID(id))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.NoError(t, shape.Replay(all[0]))
	require.NoError(t, shape.Children[0].Shape.Replay(all[1]))
}

func TestUpdatesOfOneNameAreAnsweredInTheirOrder(t *testing.T) {
	c := dialed(t)
	note := func(answer twin.Size) twin.Update {
		return twin.Update{Name: "add_note", Input: []twin.Size{30}, Output: []twin.Size{answer}}
	}
	answered := func(number int) twin.Step {
		return twin.Step{
			Wakes: []twin.Wake{{Kind: twin.UpdateAccepted, Number: number}},
			Does:  []twin.Command{{Kind: twin.Answer, Number: number}},
		}
	}
	shape := twin.Shape{
		Type: "Return", Input: []twin.Size{20}, Updates: []twin.Update{note(10), note(200)}, Steps: []twin.Step{answered(0), answered(1)},
	}
	at(t, c, shape)
	driver, err := twin.NewDriver(c, shape)
	require.NoError(t, err)
	id := ids.New("case")
	require.NoError(t, driver.Case(soon(t), id))
	again, err := twin.Learn(soon(t), c, driver.WorkflowID(id))
	require.NoError(t, err)
	require.Equal(t, [][]twin.Size{{10}, {200}}, [][]twin.Size{again.Updates[0].Output, again.Updates[1].Output})
}

func TestADriverNeedsTheShapeOfACase(t *testing.T) {
	c := dialed(t)
	shape, err := twin.Learn(soon(t), c, plainReturn(t))
	require.NoError(t, err)
	require.Len(t, shape.Children, 1)
	_, err = twin.NewDriver(c, shape.Children[0].Shape)
	require.ErrorContains(t, err, "learn it from the workflow of a case")
}

func TestAPlainReturnTakesFewerActionsThanItsStraightforwardForm(t *testing.T) {
	c := dialed(t)
	all, err := twin.Histories(soon(t), c, plainReturn(t))
	require.NoError(t, err)
	actions, straightforward := 0, 0
	for _, h := range all {
		actions += twin.Actions(h.Events)
		straightforward += twin.Straightforward(h.Events)
		t.Logf("%s: %d events, %d bytes, %d transitions, %d actions, %d straightforward",
			h.Type, len(h.Events), h.Bytes, h.Transitions, twin.Actions(h.Events), twin.Straightforward(h.Events))
	}
	require.Less(t, actions, straightforward)
}

func TestTwoPercentApartIsATwin(t *testing.T) {
	product := twin.Footprint{Cases: 2, Events: 200, Bytes: 20000, Transitions: 100}
	for name, test := range map[string]struct {
		twin    twin.Footprint
		differs []string
	}{
		"the same, of one case":  {twin.Footprint{Cases: 1, Events: 100, Bytes: 10000, Transitions: 50}, nil},
		"two percent more":       {twin.Footprint{Cases: 1, Events: 102, Bytes: 10200, Transitions: 51}, nil},
		"two percent less":       {twin.Footprint{Cases: 1, Events: 98, Bytes: 9800, Transitions: 49}, nil},
		"three percent of bytes": {twin.Footprint{Cases: 1, Events: 100, Bytes: 10300, Transitions: 50}, []string{"bytes"}},
		"less of everything":     {twin.Footprint{Cases: 1, Events: 97, Bytes: 9700, Transitions: 48}, []string{"events", "bytes", "state transitions"}},
		"no case":                {twin.Footprint{}, []string{"there must be a case of each"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := twin.Compare(product, test.twin)
			if len(test.differs) == 0 {
				require.NoError(t, err)
				return
			}
			for _, what := range test.differs {
				require.ErrorContains(t, err, what)
			}
			require.Len(t, strings.Split(err.Error(), "\n"), len(test.differs))
		})
	}
}

func TestABareCaseIsOneRow(t *testing.T) {
	c := dialed(t)
	cfg := database.Config{Driver: database.SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "bare.db"))}
	workers, err := twin.NewBareWorkers(soon(t), c, cfg, productOptions(t))
	require.NoError(t, err)
	require.NoError(t, workers.Start())
	first, second := ids.New("case"), ids.New("case")
	for _, id := range []string{first, second} {
		require.NoError(t, twin.OpenBare(soon(t), c, id))
	}
	require.NoError(t, workers.Stop())

	db, err := database.Open(soon(t), cfg)
	require.NoError(t, err)
	var kept []string
	require.NoError(t, db.WithContext(soon(t)).Raw("SELECT case_id FROM bare_cases").Scan(&kept).Error)
	require.NoError(t, database.Close(db))
	slices.Sort(kept)
	require.Equal(t, slices.Sorted(maps.Keys(map[string]bool{first: true, second: true})), kept)
}
