package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	cases "aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/reconcile"
)

// reopens waits until a closed case is open again, for a reason.
func (s *shop) reopens(id, reason string) cases.Case {
	s.t.Helper()
	return s.until(id, "open again for "+reason, func(c cases.Case) bool {
		return c.Status == cases.StatusOpen && c.Attention != nil && c.Attention.Reason == reason
	})
}

// differences are those of a case in a state.
func (s *shop) differences(id string, state payment.DifferenceState) []payment.Difference {
	s.t.Helper()
	return into[payment.DifferencePage](s.finance.get(fmt.Sprintf("/v1/differences?case_id=%s&state=%s", id, state))).Items
}

// takesBack is the provider taking the success of the refund of a case back.
func (s *shop) takesBack(caseID string) {
	s.t.Helper()
	number := s.refunds(caseID)[0].Parts[0].RefundNumber
	s.h.control(s.t).post("/payment/refunds/"+number+"/return", map[string]any{"mchid": s.mchid()}).fine()
}

// tellsBuyer waits until an event about a case is in the inbox of a buyer.
func (s *shop) tellsBuyer(buyer, caseID, event string) {
	s.t.Helper()
	eventually(s.t, buyer+" is told of "+event, func() bool {
		return slices.ContainsFunc(into[notification.InboxPage](s.buyer(buyer).get("/v1/inbox?limit=200")).Items, func(m notification.InboxMessage) bool {
			return m.CaseID == caseID && m.Type == event
		})
	})
}

// balanced fails the test unless the merchant's ledger sums to zero with nothing left pending.
func (s *shop) balanced() {
	s.t.Helper()
	sum := int64(0)
	for _, b := range into[payment.LedgerBalances](s.finance.get("/v1/ledger/balances")).Items {
		sum += b.Balance.Amount
		require.Zerof(s.t, b.Pending.Amount, "pending in %s", b.Account)
	}
	require.Zero(s.t, sum, "balances sum to zero")
}

// phases are the phases of what was booked for a case, in order.
func (s *shop) phases(id string) []string {
	s.t.Helper()
	var phases []string
	for _, e := range into[payment.LedgerEntryPage](s.finance.get("/v1/ledger/entries?case_id=" + id)).Items {
		phases = append(phases, string(e.Phase))
	}
	return phases
}

func TestARefundThatComesBackDaysLaterOpensTheCaseUntilFinanceHasPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.accepted(o)
	closed := s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
	seen := len(s.timeline(c.CaseID))

	s.takesBack(c.CaseID)
	open := s.reopens(c.CaseID, "refund_returned")
	require.Nil(t, open.ClosedAt)
	require.Nil(t, open.Outcome)
	require.Equal(t, cases.StageRefunding, open.Stage)
	require.Equal(t, closed.Version+2, open.Version)
	require.Equal(t, []string{"case.reopened", "refund.needs_attention"}, types(s.timeline(c.CaseID)[seen:]))
	s.tellsBuyer("b1", c.CaseID, "case.reopened")
	require.Len(t, into[cases.CasePage](s.finance.get("/v1/cases?status=open&awaiting=finance&attention_reason=refund_returned")).Items, 1)
	require.Empty(t, s.differences(c.CaseID, payment.Open), "the case has taken notice")
	require.Len(t, s.differences(c.CaseID, payment.Told), 1)
	act(s.agent, c.CaseID, "approve", nil).is(http.StatusConflict, "action_not_allowed")
	s.paid(o, 0, 0)

	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "manual_transfer", "transfer_reference": "BANK-2026-1122"})
	again := s.ends(c.CaseID, cases.OutcomeRefunded)
	require.NotNil(t, again.ClosedAt)
	require.True(t, again.ClosedAt.After(*closed.ClosedAt))
	require.Equal(t, payment.RefundState("paid_manually"), s.refunds(c.CaseID)[0].State)
	require.Empty(t, s.differences(c.CaseID, payment.Told))
	require.Len(t, s.differences(c.CaseID, payment.Resolved), 1)
	s.paid(o, 0, 0)
	require.Contains(t, s.phases(c.CaseID), "reversal", "the success that was taken back is undone in the ledger")
	s.balanced()

	stream := s.buyer("b1").ask(http.MethodGet, "/v1/cases/"+c.CaseID+"/events", nil, "Last-Event-ID", strconv.FormatInt(closed.Version, 10))
	require.Contains(t, string(stream.fine().body), "event: case.reopened", "a live view goes on where it was")
}

func TestARefundThatComesBackCanBeTriedOnceMoreAndGivenUp(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.accepted(o)
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.takesBack(c.CaseID)
	s.reopens(c.CaseID, "refund_returned")
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "retry"})
	// The provider holds the refund as ABNORMAL: it does not pay it by itself, so that finance is asked again.
	s.reopens(c.CaseID, "refund_abnormal_account")
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "void"})
	s.ends(c.CaseID, cases.OutcomeResolved)
	s.paid(o, 0, 0)
	s.balanced()
}

// TestMoneyRefundedOutsideTheSystemOpensTheCaseUntilFinanceHasExplainedIt is alone with the world: it compares the bill of
// everybody.
func TestMoneyRefundedOutsideTheSystemOpensTheCaseUntilFinanceHasExplainedIt(t *testing.T) {
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.accepted(o)
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.h.control(t).post("/payment/refunds", map[string]any{"mchid": s.mchid(), "out_trade_no": s.trade(o, 0), "amount": 700}).fine()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	today := time.Now().In(time.FixedZone("Asia/Shanghai", 8*60*60)).Format(time.DateOnly)
	for range 2 {
		run, err := s.h.dial(t).ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: contract.CasesQueue},
			contract.ReconcileWorkflow, contract.ReconcileInput{Days: []string{today}})
		require.NoError(t, err)
		var report reconcile.Report
		require.NoError(t, run.Get(ctx, &report))
		require.Empty(t, report.Compared[0].Problem)
	}
	s.reopens(c.CaseID, "refunded_outside")
	s.tellsBuyer("b1", c.CaseID, "case.reopened")
	told := s.differences(c.CaseID, payment.Told)
	require.Len(t, told, 1, "a day that is compared twice finds it once")
	require.Equal(t, payment.UnknownRefund, told[0].Kind)
	require.Equal(t, cny(700), told[0].ProviderAmount)

	s.finance.post("/v1/differences/"+told[0].DifferenceID+"/resolve", map[string]any{"note": "a gesture of the shop"}).fine()
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth+700, 2)
	require.Contains(t, s.phases(c.CaseID), "book", "what the provider paid is in the ledger")
	s.balanced()
}
