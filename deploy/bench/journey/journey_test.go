package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/standalone"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/ids"
)

// house is the system that all tests use.
var house *standalone.System

func TestMain(m *testing.M) {
	code, err := inside(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "journey:", err)
		code = 1
	}
	os.Exit(code)
}

// inside runs the tests with the system up.
func inside(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "aftercare-journey-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const free = "127.0.0.1:0"
	house, err = standalone.Start(context.Background(), standalone.Config{
		Dir: dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: 20_000,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return 1, err
	}
	defer house.Stop()
	return run(), nil
}

func open(t *testing.T) *Shop {
	t.Helper()
	s, err := Open(t.Context(), client.Door{URL: house.GatewayURL, Keys: house.Keys}, house.SandboxURL)
	require.NoError(t, err)
	return s
}

func TestThePlainCaseIsItsOrderAndFourMessages(t *testing.T) {
	t.Parallel()
	s := open(t)
	id, err := s.Case(t.Context(), Plain())
	require.NoError(t, err)
	var found cases.Case
	require.NoError(t, s.people["agent"].Ask(t.Context(), http.MethodGet, "/v1/cases/"+id, "", nil, &found))
	require.Equal(t, cases.OutcomeRefunded, *found.Outcome)
	require.Equal(t, int64(worth), found.Refund.Amount.Amount)
	took := s.Operations().Latencies()
	require.Empty(t, s.Operations().Failed())
	// Nothing is asked for that an answer or the stream says.
	require.ElementsMatch(t,
		[]string{"putOrder", "openCase", "shipParcel", "receiveParcel", "inspectGoods", "streamEvents"}, slices.Collect(maps.Keys(took)))
	for operation, l := range took {
		require.Len(t, l, 1, operation)
		require.Positive(t, l.Percentile(50), operation)
	}
}

func TestEachKindEndsWithItsOutcome(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			id, err := s.Case(t.Context(), k)
			require.NoError(t, err)
			var found cases.Case
			require.NoError(t, s.people["agent"].Ask(t.Context(), http.MethodGet, "/v1/cases/"+id, "", nil, &found))
			require.Equal(t, cases.StatusClosed, found.Status)
			require.Equal(t, k.Outcome, *found.Outcome)
		})
	}
}

func TestACaseThatEndsOtherwiseIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	k := Plain()
	k.Outcome = cases.OutcomeRejected
	id, err := open(t).Case(t.Context(), k)
	require.ErrorContains(t, err, "otherwise than rejected")
	require.ErrorContains(t, err, id)
	_, err = Named("planned")
	require.ErrorContains(t, err, `"plain"`)
}

func TestProvidersAnswerLaterForAsLongAsTheyAreToldTo(t *testing.T) {
	s := open(t)
	late := func() int {
		var told struct {
			Rules []fault.Rule `json:"rules"`
		}
		require.NoError(t, s.outside.control.Ask(t.Context(), http.MethodGet, "/rules", "", nil, &told))
		n := 0
		for _, r := range told.Rules {
			if r.Effect == fault.Delay {
				require.Equal(t, 50, r.MS)
				n += r.Fired
			}
		}
		return n
	}
	require.NoError(t, s.Latency(t.Context(), 50))
	require.NoError(t, s.Latency(t.Context(), 50))
	_, err := s.Case(t.Context(), Plain())
	require.NoError(t, err)
	require.Positive(t, late())
	require.NoError(t, s.Latency(t.Context(), 0))
	require.Zero(t, late())
}

func TestTheCarrierTellsNothingOfAParcelThatTheBuyerSends(t *testing.T) {
	t.Parallel()
	v := &visit{Shop: open(t), kind: Plain(), orderID: ids.New("o")}
	number := "RT" + v.orderID[2:]
	require.NoError(t, v.buy(t.Context()))
	for _, s := range []step{byRule, ship} {
		require.NoError(t, s(t.Context(), v))
	}
	require.NoError(t, v.steer(t.Context(), number, "signed"))
	// The journal is written a moment later.
	require.Eventually(t, func() bool { return len(carrierJournal(t)[number]) == 2 }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{callback.Dropped, callback.Dropped}, carrierJournal(t)[number])
	require.NoError(t, v.read(t.Context()))
	require.Equal(t, cases.StageInTransit, v.found.Stage)
	for _, s := range []step{receive, inspect, intact} {
		require.NoError(t, s(t.Context(), v))
	}
	require.NoError(t, v.end(t.Context()))
}

// carrierJournal is what became of the news of each parcel so far. A last line that is half written is left out.
func carrierJournal(t *testing.T) map[string][]string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, house.SandboxURL+"/control/journal/carrier", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	told := map[string][]string{}
	for lines := json.NewDecoder(answer.Body); lines.More(); {
		var line struct{ Op, ID, Result string }
		if lines.Decode(&line) != nil {
			break
		}
		if number, _, ok := strings.Cut(line.ID, "/"); ok && line.Op == "callback" {
			told[number] = append(told[number], line.Result)
		}
	}
	return told
}

func TestACaseTakesAnOrderFromTheStock(t *testing.T) {
	shop := open(t)
	require.NoError(t, shop.Stock(t.Context(), 3))
	require.NoError(t, shop.Stock(t.Context(), 2), "there are enough")
	require.Len(t, shop.Operations().Latencies()["putOrder"], 3)
	for range 4 {
		_, err := shop.Case(t.Context(), Plain())
		require.NoError(t, err)
	}
	require.Len(t, shop.Operations().Latencies()["putOrder"], 4, "the last one has put its own")
}
