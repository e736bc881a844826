package returns_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/activities/order"
	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	orderapi "aftercare.dev/services/order/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
	"aftercare.dev/workflows/worker"
)

// world is everything around a return: services that remember what they were asked, people who act, and a clock that
// skips. Fields before mu are set before the script runs; the rest is what happened.
type world struct {
	t   require.TestingT
	env *testsuite.TestWorkflowEnvironment

	in      contract.ReturnInput
	verdict cases.Verdict
	// fails decides, by activity and number of the call, which calls fail.
	fails map[string]func(call int) error
	// booking answers in place of the carrier, unless it returns nothing.
	booking    func(logistics.Shipment) (logisticsapi.Shipment, error)
	completes  bool
	pays       paymentapi.RefundState
	reason     string
	claimState logisticsapi.InsuranceClaimState
	// units are what one unit of a line costs, where it is not the usual price.
	units map[string]int64
	// home lets every parcel to the buyer arrive, if the carrier is asked.
	home bool
	// quiet is set where a case may end with a courier on the way: an operator took him on.
	quiet bool

	mu      sync.Mutex
	calls   map[string]int
	entries []casesapi.EntryInput
	steps   []casesapi.CaseState
	// told are the entries of each step.
	told     [][]casesapi.EntryInput
	notes    []casesapi.NoteInput
	state    casesapi.CaseState
	problems []string

	attributes map[string]any

	shipments map[string]*logisticsapi.Shipment
	requests  map[string]logisticsapi.ShipmentInput
	newest    string
	cancelled []string

	reserved, settled bool
	returned          []orderapi.LineQuantity

	refund  *paymentapi.Refund
	payouts int
	// paidBefore is what was paid back of one of the order's payments when finance voids the refund.
	paidBefore int64
	// differences are those with the provider that nobody has resolved.
	differences []payment.Difference
	looks       int
	resolved    []paymentapi.ResolveRefundInput
	claim       *logisticsapi.InsuranceClaim
	filed       []logistics.Claim

	answers []*answer
	start   time.Time
}

const price = 1000

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func hours(n int64) int64 { return n * 3600 }

func newWorld(t require.TestingT) *world {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	w := &world{
		t: t, env: suite.NewTestWorkflowEnvironment(), in: input(),
		fails: map[string]func(int) error{}, calls: map[string]int{}, attributes: map[string]any{},
		shipments: map[string]*logisticsapi.Shipment{}, requests: map[string]logisticsapi.ShipmentInput{},
		pays: paymentapi.RefundStateSucceeded, claimState: logisticsapi.InsuranceClaimStatePaid, completes: true,
		verdict: cases.Verdict{
			Decision: casesapi.JudgementDecisionApprove, Currency: "CNY",
			Refund: casesapi.RefundQuote{Goods: cny(2 * price), Freight: cny(0), Total: cny(2 * price)},
			Lines:  []casesapi.SettledLine{{LineID: "l1", Quantity: 2, Amount: cny(2 * price)}},
			Rules:  []string{"CN-01"},
			Clocks: casesapi.Clocks{
				ReviewSeconds: hours(48), ReviewSilence: casesapi.ClocksReviewSilenceApprove, InfoSeconds: hours(72),
				AnswerSeconds: hours(7 * 24), ShipSeconds: hours(7 * 24), ShipReminderSeconds: []int64{hours(72), hours(24)},
				TransitSeconds: hours(10 * 24), InspectSeconds: hours(48), ContestSeconds: hours(48), InsuranceSeconds: hours(24),
			},
		},
	}
	w.env.SetTestTimeout(20 * time.Second)
	w.env.SetDetachedChildWait(false)
	w.env.SetStartTime(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	w.start = w.env.Now()
	worker.RegisterCases(w.env)
	worker.RegisterMoney(w.env)
	w.registerServices()
	w.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		w.mu.Lock()
		defer w.mu.Unlock()
		updates, ok := args.Get(0).(temporal.SearchAttributes)
		require.True(t, ok)
		for key, value := range updates.GetUntypedValues() {
			w.attributes[key.GetName()] = value
		}
	}).Return(nil).Maybe()
	return w
}

func (w *world) registerServices() {
	for name, fn := range map[string]any{
		cases.Prefix + "Judge": w.judge, cases.Prefix + "Record": w.record, cases.Prefix + "Settle": w.amounts, cases.Prefix + "StoreNote": w.storeNote,
		order.Prefix + "Reserve": w.hold, order.Prefix + "Settle": w.settle,
		logistics.Prefix + "CreateShipment": w.createShipment, logistics.Prefix + "GetShipment": w.getShipment,
		logistics.Prefix + "Reschedule": w.reschedule, logistics.Prefix + "CancelShipment": w.cancelShipment,
		logistics.Prefix + "FileClaim": w.fileClaim, logistics.Prefix + "GetClaim": w.getClaim,
		payment.Prefix + "Reserve": w.reserveRefund, payment.Prefix + "Submit": w.submitRefund,
		payment.Prefix + "Standing": w.look, payment.Prefix + "MarkTold": w.markTold, payment.Prefix + "ResolveDifference": w.resolveDifference,
		payment.Prefix + "Book":  w.book,
		payment.Prefix + "Query": w.queryRefund, payment.Prefix + "Resolve": w.resolveRefund,
	} {
		w.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

func input() contract.ReturnInput {
	return contract.ReturnInput{
		Case:      contract.Case{MerchantID: "m1", CaseID: "case_1", OrderID: "o1", BuyerID: "b1"},
		Applicant: contract.Actor{Role: contract.Buyer, ID: "b1"},
		Reason:    "no_longer_wanted",
		Lines:     []contract.LineQuantity{{LineID: "l1", Quantity: 2}},
	}
}

// run files the return, plays the script, runs the clock to the end of the case and checks what holds for every case.
func (w *world) run() *answer {
	opened := w.at(0, nil)
	for d := 13 * time.Minute; d < 90*24*time.Hour; d += 5 * time.Hour {
		w.env.RegisterDelayedCallback(w.compare, d)
	}
	w.env.ExecuteWorkflow(contract.ReturnWorkflow, w.in)
	require.True(w.t, w.env.IsWorkflowCompleted(), "the case has not ended: stage %s", w.state.Stage)
	require.NoError(w.t, w.env.GetWorkflowError())
	w.checkEnd()
	return opened
}

// compare tells whether a case that stands still is recorded as it stands (P3), and found by the operators' filters.
func (w *world) compare() {
	if w.env.IsWorkflowCompleted() {
		return
	}
	value, err := w.env.QueryWorkflow(contract.StatusQuery)
	require.NoError(w.t, err)
	var s caseflow.Status
	require.NoError(w.t, value.Get(&s))
	if !s.Waiting {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Len(w.t, w.entries, int(s.Version), "the version is the number of the last entry")
	require.Equal(w.t, w.state.Stage, s.Stage, "the stage is recorded")
	require.Equal(w.t, summary(w.state.NextActions), summary(s.NextActions), "what can be done is recorded, in stage %s", s.Stage)
	require.Equal(w.t, w.state.Attention == nil, s.Attention == nil, "attention is recorded, in stage %s", s.Stage)
	expected := slices.ContainsFunc(s.NextActions, func(n casesapi.NextAction) bool { return len(n.Actors) > 0 })
	require.True(w.t, expected || s.Clock != nil, "in stage %s nobody is expected and no clock runs", s.Stage)
	require.Equal(w.t, string(s.Stage), w.attributes["CaseStage"])
	require.Equal(w.t, s.Attention != nil, w.attributes["NeedsAttention"])
	if s.Attention != nil {
		// That the reason is unset afterwards cannot be seen here: the environment does not show it.
		require.Equal(w.t, s.Attention.Reason, w.attributes["AttentionReason"])
	}
}

func summary(next []casesapi.NextAction) []string {
	all := make([]string, 0, len(next))
	for _, n := range next {
		line := n.Action + " by " + strings.Join(n.Actors, ",")
		if n.Deadline != nil {
			line += " until " + n.Deadline.Format(time.RFC3339)
		}
		if n.Consequence != nil {
			line += " else " + *n.Consequence
		}
		all = append(all, line)
	}
	return all
}

// checkEnd checks what holds for every case, whatever happened in it.
func (w *world) checkEnd() {
	require.Empty(w.t, w.problems)
	for i, a := range w.answers {
		if !a.sent {
			a.err = errors.New("the workflow has ended")
		}
		require.True(w.t, a.done || a.err != nil, "update %d (%s) got an answer", i, a.name)
		if a.wants != nil {
			a.wants()
		}
	}
	if len(w.entries) == 0 {
		require.False(w.t, w.reserved && !w.settled, "a case that never was holds no units")
		return
	}
	require.Equal(w.t, casesapi.StageClosed, w.state.Stage)
	require.Equal(w.t, casesapi.StatusClosed, w.state.Status)
	require.NotNil(w.t, w.state.Outcome)
	require.Equal(w.t, false, w.attributes["NeedsAttention"])
	require.True(w.t, w.reserved && w.settled, "the units are given back or returned at the end")
	require.LessOrEqual(w.t, w.payouts, 1, "money moves once at most")
	switch *w.state.Outcome {
	case casesapi.OutcomeWithdrawn, casesapi.OutcomeExpired, casesapi.OutcomeRejected:
		require.Zero(w.t, w.payouts, "no money moves in a case that ends as %s", *w.state.Outcome)
		require.Empty(w.t, w.returned, "no unit is booked as returned")
	case casesapi.OutcomeRefunded:
		require.Equal(w.t, 1, w.payouts)
		require.Equal(w.t, w.expected(), w.refund.Refunded.Amount)
	default:
	}
	require.LessOrEqual(w.t, len(w.filed), w.calls["FileClaim"])
	for id, s := range w.shipments {
		if s.Method == logisticsapi.ShipmentMethodPickup && !w.quiet && !w.has("goods.received goods.inspected") {
			require.NotEqual(w.t, logisticsapi.ShipmentStateBooked, s.State, "the courier of %s is called off", id)
		}
	}
}

// expected is the whole of what was paid for the case.
func (w *world) expected() int64 {
	var sum int64
	for _, l := range w.in.Lines {
		sum += l.Quantity * w.unit(l.LineID)
	}
	return sum
}

// unit is what one unit of a line costs.
func (w *world) unit(lineID string) int64 {
	if cost, ok := w.units[lineID]; ok {
		return cost
	}
	return price
}

// at plays an action at a time after filing; nil is the update that came with the start.
func (w *world) at(d time.Duration, act contract.Act) *answer {
	a := w.newAnswer(act)
	w.env.RegisterDelayedCallback(func() { w.send(a, act) }, d)
	return a
}

// send plays an action now.
func (w *world) send(a *answer, act contract.Act) {
	if w.env.IsWorkflowCompleted() {
		return
	}
	a.sent = true
	if act == nil {
		w.env.UpdateWorkflow(a.name, a.id, a.callback())
		return
	}
	w.env.UpdateWorkflow(a.name, a.id, a.callback(), act)
}

// cancel is an operator who cancels the workflow in the Temporal UI.
func (w *world) cancel(d time.Duration) { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, d) }

// carrier reports a state of the newest parcel at a time after filing: the service knows, the case is woken.
func (w *world) carrier(d time.Duration, state logisticsapi.ShipmentState) {
	w.env.RegisterDelayedCallback(func() { w.wake(w.knows(state), string(state)) }, d)
}

func (w *world) wake(shipment, event string) {
	w.env.SignalWorkflow(contract.CarrierEvent, contract.Event{EventID: shipment + ":" + event, Subject: shipment})
}

// silently lets the service know a state of the newest parcel; the callback to the case is lost.
func (w *world) silently(d time.Duration, state logisticsapi.ShipmentState) {
	w.env.RegisterDelayedCallback(func() { w.knows(state) }, d)
}

func (w *world) knows(state logisticsapi.ShipmentState) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	shipment, ok := w.shipments[w.newest]
	require.True(w.t, ok, "there is no parcel")
	shipment.State = state
	return w.newest
}

func (w *world) wantTimeline(want string) {
	require.Equal(w.t, strings.Fields(want), w.types())
}

func (w *world) types() []string {
	types := make([]string, 0, len(w.entries))
	for _, e := range w.entries {
		types = append(types, e.Type)
	}
	return types
}

// has tells whether one of the types is on the timeline.
func (w *world) has(types string) bool {
	for _, want := range strings.Fields(types) {
		if w.count(want) > 0 {
			return true
		}
	}
	return false
}

func (w *world) count(kind string) int {
	n := 0
	for _, e := range w.entries {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// when is the time after filing of the n-th entry of a type.
func (w *world) when(kind string, n int) time.Duration {
	for _, e := range w.entries {
		if e.Type != kind {
			continue
		}
		if n--; n == 0 {
			return e.At.Sub(w.start).Round(time.Minute)
		}
	}
	require.Fail(w.t, "no such entry", "%s", kind)
	return 0
}

// entry is the first entry of a type.
func (w *world) entry(kind string) casesapi.EntryInput {
	for _, e := range w.entries {
		if e.Type == kind {
			return e
		}
	}
	require.Fail(w.t, "no such entry", "%s", kind)
	return casesapi.EntryInput{}
}

func (w *world) outcome() string {
	if w.state.Outcome == nil {
		return ""
	}
	return string(*w.state.Outcome)
}

// closedAt is when the case ended, after filing.
func (w *world) closedAt() time.Duration { return w.when("case.closed", 1) }

// world for a case that a test only needs from a certain point on.

// booked is a world in which a courier is booked after an hour.
func booked(t *testing.T) *world {
	w := newWorld(t)
	w.at(time.Hour, contract.BookPickup{Envelope: buyer})
	return w
}

// delivered is a world in which the goods are with the warehouse after 30 hours.
func delivered(t *testing.T) *world {
	w := booked(t)
	w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	return w
}
