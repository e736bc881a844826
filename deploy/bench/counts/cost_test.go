package counts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

// moment is a time in seconds.
func moment(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func asked(at float64, service, text string, path ...string) seen {
	s := seen{Statement: Statement{Service: service, Text: text}, at: moment(at), path: path}
	if len(path) > 0 {
		s.parent = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
	}
	return s
}

const look = "SELECT * FROM outbox_messages WHERE delivered_at IS NULL"

func TestACaseIsCountedFromItsOpeningOn(t *testing.T) {
	t.Parallel()
	idling := idleFrom([]seen{asked(-4, "cases", look), asked(-2, "cases", look), asked(-1, "cases", "SELECT 1", "GET /v1/cases")}, 4*time.Second)
	cost := costOf([]seen{
		asked(0, "order", "INSERT order", "PUT /v1/orders/{order_id}", "PUT /v1/merchants/{merchant_id}/orders/{order_id}"),
		asked(1, "cases", "INSERT case", opening, "POST /v1/merchants/{merchant_id}/applications"),
		asked(1, "cases", "", opening, "POST /v1/merchants/{merchant_id}/applications"), // a transaction begins,
		asked(1, "cases", "", opening, "POST /v1/merchants/{merchant_id}/applications"), // and ends
		asked(1.1, "order", "UPDATE outbox_messages"),
		asked(1.2, "logistics", "INSERT policy", "PUT /v1/merchants/{merchant_id}/insurance-policies/{order_id}"),
		asked(1.3, "cases", "SELECT case", "GET /v1/cases/{case_id}", "GET /v1/merchants/{merchant_id}/cases/{case_id}"),
		asked(1.4, "cases", look), asked(1.5, "cases", "UPDATE outbox_messages"), asked(1.6, "cases", look), asked(3, "cases", look),
	}, idling)
	require.Equal(t, map[string]int{"cases": 2}, cost.Statements)
	require.Equal(t, map[string]int{"cases": 1}, cost.Relayed)
	require.Equal(t, map[string]int{"cases": 1}, cost.Transactions)
	require.Equal(t, map[string]int{"cases": 2}, cost.Looks, "three, less the one that an idle house makes in two seconds")
	require.Equal(t, []Made{
		{Statement: Statement{"cases", "INSERT case"}, For: opening, Operation: "POST /v1/merchants/{merchant_id}/applications"},
		{Statement: Statement{"cases", "UPDATE outbox_messages"}},
	}, cost.List)
	require.Equal(t, 2, cost.Total())
}

func TestWhatIsAskedForARequestIsNeverTakenForIdling(t *testing.T) {
	t.Parallel()
	idling := idleFrom([]seen{asked(0, "cases", look)}, time.Second)
	cost := costOf([]seen{asked(1, "cases", look, opening)}, idling)
	require.Equal(t, map[string]int{"cases": 1}, cost.Statements)
}

func workflow(events, bytes, actions int) Workflow {
	return Workflow{Events: events, Bytes: bytes, Transitions: 2 * events, Actions: actions, Straightforward: 3 * actions}
}

func TestTheMiddleOfEachCountIsTypical(t *testing.T) {
	t.Parallel()
	a := Cost{
		Statements: map[string]int{"cases": 5, "order": 2}, Parent: workflow(60, 900, 20),
		Children: map[string]Workflow{"Refund": workflow(21, 300, 6)},
	}
	b := Cost{
		Statements: map[string]int{"cases": 4, "order": 3}, Parent: workflow(63, 800, 19),
		Children: map[string]Workflow{"Refund": workflow(18, 310, 6)},
	}
	c := Cost{Statements: map[string]int{"cases": 9, "payment": 1}, Parent: workflow(61, 850, 40)}
	typical := Typical(a, b, c)
	require.Equal(t, map[string]int{"cases": 5, "order": 2}, typical.Statements, "what one of three has is chance")
	require.Equal(t, workflow(61, 850, 20), typical.Parent)
	require.Equal(t, map[string]Workflow{"Refund": workflow(18, 300, 6)}, typical.Children)
	require.Equal(t, 26, typical.Workflow().Actions)
	require.Equal(t, 21, a.Children["Refund"].Events, "what was given is left as it was")
	require.Equal(t, map[string]int{"cases": 4, "order": 2}, Typical(a, b).Statements)
}

func TestACountThatRisesIsTold(t *testing.T) {
	t.Parallel()
	then := Cost{
		Statements: map[string]int{"cases": 5, "order": 2}, Relayed: map[string]int{"cases": 1}, Parent: workflow(60, 14_000, 20),
	}
	for name, test := range map[string]struct {
		now           Cost
		risen, fallen []string
	}{
		"nothing": {now: then},
		"a statement more": {
			now:   Cost{Statements: map[string]int{"cases": 6, "order": 2}, Relayed: then.Relayed, Parent: then.Parent},
			risen: []string{"SQL statements of cases for requests: 5, was 4"},
		},
		"a statement less": {
			now:    Cost{Statements: map[string]int{"cases": 5, "order": 1}, Relayed: then.Relayed, Parent: then.Parent},
			fallen: []string{"SQL statements of order for requests: 1, was 2"},
		},
		"a batch of a relay more": {
			now: Cost{Statements: map[string]int{"cases": 7, "order": 2}, Relayed: map[string]int{"cases": 3}, Parent: then.Parent},
		},
		"many statements of a relay more": {
			now:   Cost{Statements: map[string]int{"cases": 8, "order": 2}, Relayed: map[string]int{"cases": 4}, Parent: then.Parent},
			risen: []string{"SQL statements of cases by its relay: 4, was 1"},
		},
		"a service more": {
			now:   Cost{Statements: map[string]int{"cases": 5, "order": 2, "payment": 1}, Relayed: then.Relayed, Parent: then.Parent},
			risen: []string{"SQL statements of payment for requests: 1, was 0"},
		},
		"a service less": {
			now:    Cost{Statements: map[string]int{"cases": 5}, Relayed: then.Relayed, Parent: then.Parent},
			fallen: []string{"SQL statements of order for requests: 0, was 2"},
		},
		"a child more": {
			now:   Cost{Statements: then.Statements, Relayed: then.Relayed, Parent: then.Parent, Children: map[string]Workflow{"Refund": workflow(9, 1_000, 5)}},
			risen: []string{"events of Refund: 9, was 0", "bytes of Refund: 1000, was 0", "actions of Refund: 5, was 0"},
		},
		"a few bytes": {
			now: Cost{Statements: then.Statements, Relayed: then.Relayed, Parent: workflow(60, 14_050, 20)},
		},
		"many bytes more": {
			now:   Cost{Statements: then.Statements, Relayed: then.Relayed, Parent: workflow(60, 14_400, 20)},
			risen: []string{"bytes of the case: 14400, was 14080"},
		},
		"many bytes less": {
			now:    Cost{Statements: then.Statements, Relayed: then.Relayed, Parent: workflow(60, 13_000, 20)},
			fallen: []string{"bytes of the case: 13000, was 14080"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			risen, fallen := rowOf(then).against(test.now)
			require.Equal(t, test.risen, risen)
			require.Equal(t, test.fallen, fallen)
		})
	}
}

func TestTheTableAllowsWhatOneOfItsCasesCost(t *testing.T) {
	t.Parallel()
	a := Cost{Statements: map[string]int{"cases": 5, "order": 2}, Parent: workflow(60, 14_000, 20)}
	b := Cost{
		Statements: map[string]int{"cases": 4, "payment": 3}, Parent: workflow(63, 13_000, 19),
		Children: map[string]Workflow{"Refund": workflow(18, 310, 6)},
	}
	allowed := rowOf(a).most(rowOf(b))
	for _, c := range []Cost{a, b} {
		risen, _ := allowed.against(c)
		require.Empty(t, risen)
	}
	risen, _ := allowed.against(Cost{Statements: map[string]int{"cases": 6}, Parent: workflow(64, 14_000, 20)})
	require.Equal(t, []string{"SQL statements of cases for requests: 6, was 5", "events of the case: 64, was 63"}, risen)
}
