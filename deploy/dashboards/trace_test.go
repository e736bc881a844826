package dashboards

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
)

// spansOf are the spans of a case, by the trace that they belong to.
func spansOf(caseID string) map[string][]*trace.Span {
	traces := map[string][]*trace.Span{}
	for _, span := range shared.told() {
		if attributes(span)["aftercare.case_id"] == caseID {
			id := hex.EncodeToString(span.GetTraceId())
			traces[id] = append(traces[id], span)
		}
	}
	return traces
}

func attributes(span *trace.Span) map[string]string {
	all := map[string]string{}
	for _, a := range span.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

func names(spans []*trace.Span) []string {
	var all []string
	for _, span := range spans {
		all = append(all, span.GetName())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lacking tells which of the names are not among those of the spans.
func lacking(spans []*trace.Span, wanted ...string) []string {
	var lacks []string
	has := names(spans)
	for _, name := range wanted {
		if !slices.Contains(has, name) {
			lacks = append(lacks, fmt.Sprintf("%s among %s", name, strings.Join(has, ", ")))
		}
	}
	return lacks
}

// holding is the trace with a span of a name; nil if there is none, or more than one trace with it.
func holding(traces map[string][]*trace.Span, name string) []*trace.Span {
	var found [][]*trace.Span
	for _, spans := range traces {
		if slices.Contains(names(spans), name) {
			found = append(found, spans)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func TestEachStepOfACaseIsOneTraceFromTheRequestDownToTheStatement(t *testing.T) {
	ctx := t.Context()
	s, err := open("traced")
	require.NoError(t, err)
	orderID, _, err := s.sell(ctx)
	require.NoError(t, err)
	filed, err := s.file(ctx, orderID)
	require.NoError(t, err)
	_, err = s.storefront.Until(ctx, filed.CaseID, func(c cases.Case) bool { return c.Stage == cases.StageWaitingShipment })
	require.NoError(t, err)
	withdrawn, err := s.storefront.WithdrawCaseWithResponse(ctx, filed.CaseID, nil, gateway.NoteAction{})
	require.NoError(t, err)
	require.Equal(t, 200, withdrawn.StatusCode(), string(withdrawn.Body))

	recording := "POST /v1/merchants/{merchant_id}/cases/{case_id}/steps"
	await(t, func() []string {
		opening := holding(spansOf(filed.CaseID), "POST /v1/cases")
		return lacking(opening, "UpdateWithStartWorkflow:open", "HandleUpdate:open", "RunActivity:cases.Judge", "RunActivity:order.Reserve",
			"RunActivity:cases.Record", recording, "PUT /v1/merchants/{merchant_id}/orders/{order_id}/reservations/{case_id}", "sql.conn.exec", "sql.tx.commit")
	})
	await(t, func() []string {
		leaving := holding(spansOf(filed.CaseID), "POST /v1/cases/{case_id}/withdraw")
		return lacking(leaving, "UpdateWorkflow:withdraw", "HandleUpdate:withdraw", "RunActivity:cases.Record", recording, "sql.tx.commit")
	})
	for id, spans := range spansOf(filed.CaseID) {
		for _, span := range spans {
			require.Equal(t, "traced", attributes(span)["aftercare.merchant_id"], "trace %s, span %s", id, span.GetName())
		}
	}
	require.Contains(t, shared.said.String(), `"case_id":"`+filed.CaseID+`"`)
}

func TestWhatADeadlineBringsAboutIsATraceOfItsOwn(t *testing.T) {
	ended, err := late(t.Context(), "traced-late")
	require.NoError(t, err)
	await(t, func() []string {
		passing := holding(spansOf(ended.CaseID), "TimerFired:Return")
		if slices.Contains(names(passing), "POST /v1/cases") {
			return []string{"a trace without the request that opened the case"}
		}
		return lacking(passing, "RunActivity:cases.Record", "POST /v1/merchants/{merchant_id}/cases/{case_id}/steps", "sql.tx.commit")
	})
}
