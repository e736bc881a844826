package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

func TestEveryActionReachesTheWorkflowAsTheUpdateOfItsName(t *testing.T) {
	by := func(role contract.Role, note bool) contract.Envelope {
		e := contract.Envelope{Actor: contract.Actor{Role: role, ID: "s1"}}
		if note {
			e.NoteID = "note_1"
		}
		return e
	}
	const slot = `{"start":"2126-01-01T16:00:00+08:00","end":"2126-01-01T18:00:00+08:00"}`
	at := contract.Slot{Start: "2126-01-01T08:00:00Z", End: "2126-01-01T10:00:00Z"}
	const address = `{"name":"Li","phone":"13800138000","province":"Zhejiang","city":"Hangzhou","street":"1 Lake Road"}`
	tests := []struct {
		path, role, body string
		want             contract.Act
	}{
		{"approve", "agent", `{}`, contract.Approve{Envelope: by("agent", false)}},
		{"approve", "agent", `{"note":"fine"}`, contract.Approve{Envelope: by("agent", true)}},
		{"approve", "agent", `{"evidence_ids":["ev_1"]}`, contract.Approve{Envelope: by("agent", true)}},
		{"reject", "agent", `{"reason":"used","note":"worn"}`, contract.Reject{Envelope: by("agent", true), Reason: "used"}},
		{"request-info", "agent", `{"note":"a photo please"}`, contract.RequestInfo{Envelope: by("agent", true)}},
		{"provide-info", "storefront", `{"note":"here"}`, contract.ProvideInfo{Envelope: by("storefront", true)}},
		{"answer-rejection", "storefront", `{"note":"no"}`, contract.AnswerRejection{Envelope: by("storefront", true)}},
		{"withdraw", "storefront", `{}`, contract.Withdraw{Envelope: by("storefront", false)}},
		{"book-pickup", "storefront", `{}`, contract.BookPickup{Envelope: by("storefront", false)}},
		{
			"book-pickup", "storefront", `{"slot":` + slot + `,"address":` + address + `,"weight_grams":500}`,
			contract.BookPickup{Envelope: by("storefront", false), Slot: &at, ContactID: "contact_1", WeightGrams: 500},
		},
		{"reschedule-pickup", "storefront", `{"slot":` + slot + `}`, contract.ReschedulePickup{Envelope: by("storefront", false), Slot: at}},
		{"cancel-pickup", "storefront", `{}`, contract.CancelPickup{Envelope: by("storefront", false)}},
		{
			"ship", "storefront", `{"carrier":"shunfeng","tracking_number":"SF1234567"}`,
			contract.Ship{Envelope: by("storefront", false), Carrier: "shunfeng", TrackingNumber: "SF1234567"},
		},
		{"receive", "warehouse", `{}`, contract.Receive{Envelope: by("warehouse", false), Contents: "as_announced"}},
		{
			"receive", "warehouse", `{"contents":"mixed_up","lines":[{"line_id":"l1","quantity":0}]}`,
			contract.Receive{Envelope: by("warehouse", false), Contents: "mixed_up", Lines: []contract.LineQuantity{{LineID: "l1"}}},
		},
		{
			"inspect", "warehouse", `{"lines":[
				{"line_id":"l1","accepted_quantity":1,"rejected_quantity":0,"condition":"opened_ok","deduction":{"amount":5,"currency":"CNY"},"rejection":"used"},
				{"line_id":"l2","accepted_quantity":0,"rejected_quantity":1,"condition":"wrong_item","rejection":"item_mismatch"}]}`,
			contract.Inspect{Envelope: by("warehouse", false), Lines: []contract.InspectedLine{
				{LineID: "l1", Accepted: 1, Condition: "opened_ok", Disposition: "restock_new", Deduction: &money.Money{Amount: 5, Currency: "CNY"}, Rejection: "used"},
				{LineID: "l2", Rejected: 1, Condition: "wrong_item", Rejection: "item_mismatch"},
			}},
		},
		{"agree", "storefront", `{}`, contract.Agree{Envelope: by("storefront", false)}},
		{"contest", "storefront", `{"note":"whole"}`, contract.Contest{Envelope: by("storefront", true)}},
		{"decide-contest", "agent", `{"decision":"accept"}`, contract.DecideContest{Envelope: by("agent", false), Decision: "accept"}},
		{"decide-parcel", "agent", `{"decision":"ship_again"}`, contract.DecideParcel{Envelope: by("agent", false), Decision: "ship_again"}},
		{"send-back", "warehouse", `{}`, contract.SendBack{Envelope: by("warehouse", false)}},
		{
			"send-back", "warehouse", `{"carrier":"zhongtong","tracking_number":"ZT123456"}`,
			contract.SendBack{Envelope: by("warehouse", false), Carrier: "zhongtong", TrackingNumber: "ZT123456"},
		},
		{
			"resolve-refund", "finance", `{"resolution":"manual_transfer","transfer_reference":"ICBC-77"}`,
			contract.ResolveRefund{Envelope: by("finance", false), Resolution: "manual_transfer", TransferReference: "ICBC-77"},
		},
		{"retry", "operator", `{}`, contract.Retry{Envelope: by("operator", false)}},
		{"skip", "operator", `{"note":"agreed"}`, contract.Skip{Envelope: by("operator", true)}},
		{"resolve", "operator", `{"note":"settled"}`, contract.Resolve{Envelope: by("operator", true)}},
		{"notes", "agent", `{"note":"difficult","internal":true}`, contract.AddNote{Envelope: by("agent", true), Internal: true}},
	}
	tried := map[contract.Action]bool{}
	w := newWorld(t)
	for _, test := range tests {
		t.Run(test.path+" by "+test.role, func(t *testing.T) {
			w := w.in(t)
			w.temporal.updates = nil
			answer := w.ask(w.token("s1", test.role), "POST", "/v1/cases/"+caseID+"/"+test.path, test.body, "Idempotency-Key", key).is(200, "")
			if answer.member("case_id") != caseID {
				t.Errorf("answers %s", answer.body)
			}
			update := w.temporal.updates[0]
			if len(w.temporal.updates) != 1 || update.UpdateName != string(test.want.Action()) || update.WorkflowID != "case/m1/case_1" {
				t.Errorf("updates %v", w.temporal.updates)
			}
			if !reflect.DeepEqual(update.Args, []any{test.want}) {
				t.Errorf("sends %+v, want %+v", update.Args[0], test.want)
			}
		})
		tried[test.want.Action()] = true
	}
	if len(tried) != 22 {
		t.Errorf("%d of 22 actions were tried", len(tried))
	}
}

func TestNeitherWordsNorAddressesEnterAWorkflow(t *testing.T) {
	w := newWorld(t)
	buyer := w.token(owner, "buyer")
	w.ask(buyer, "POST", "/v1/cases/case_1/contest", `{"note":"Li lives at Lake Road"}`).is(200, "")
	w.ask(buyer, "POST", "/v1/cases/case_1/book-pickup",
		`{"address":{"name":"Li","phone":"13800138000","province":"Zhejiang","city":"Hangzhou","street":"Lake Road"}}`).is(200, "")
	w.ask(buyer, "POST", "/v1/cases", strings.Replace(filing, "{", `{"text":"Li of Lake Road",`, 1), "Idempotency-Key", key).is(201, "")
	sent, err := json.Marshal([]any{w.temporal.updates, w.temporal.inputs, w.temporal.starts[0].StaticSummary, w.temporal.starts[0].StaticDetails})
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"Li ", "13800138000", "Lake Road", "Hangzhou"} {
		if strings.Contains(string(sent), private) {
			t.Errorf("%q is in %s", private, sent)
		}
	}
	if notes := w.cases.asked("POST", "/notes"); len(notes) != 1 || !strings.Contains(notes[0].body, "Lake Road") {
		t.Errorf("the note is not kept: %v", notes)
	}
}

func refusal(kind string, r contract.Refusal) error {
	return temporal.NewApplicationErrorWithOptions(r.Detail, kind, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{r}})
}

func TestEveryRefusalOfAWorkflowHasItsAnswer(t *testing.T) {
	allowed := []contract.Action{contract.ActionShip, contract.ActionWithdraw}
	standing := func(code, field string) contract.Refusal {
		return contract.Refusal{Code: code, Field: field, Detail: "no", Stage: "waiting_shipment", Version: 7, Allowed: allowed}
	}
	tests := map[string]struct {
		refusal contract.Refusal
		status  int
		field   string
	}{
		"not now":            {standing("action_not_allowed", ""), 409, ""},
		"the case moved on":  {standing("version_conflict", "version"), 409, "version"},
		"unfit content":      {standing("invalid_action", "lines[0].deduction"), 422, "lines[0].deduction"},
		"number in use":      {standing("tracking_number_in_use", "parcel.tracking_number"), 409, "tracking_number"},
		"courier on the way": {standing("too_late", ""), 409, ""},
		"no such slot":       {standing("slot_not_bookable", "pickup.slot.start"), 422, "slot.start"},
		"nothing allowed":    {contract.Refusal{Code: "action_not_allowed", Detail: "no", Stage: "closed", Version: 7}, 409, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				return handle{err: refusal(contract.ErrorActionRefused, test.refusal)}, nil
			}
			answer := w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/ship", shipping).is(test.status, test.refusal.Code)
			if test.field != "" {
				answer.names(test.field)
			}
			if answer.member("stage") != test.refusal.Stage || answer.member("version") != float64(7) {
				t.Errorf("says %s", answer.body)
			}
			if got, ok := answer.member("allowed").([]any); !ok || len(got) != len(test.refusal.Allowed) {
				t.Errorf("allowed is %v", answer.member("allowed"))
			}
		})
	}
}

func TestAWorkflowThatIsBehindItsCaseIsAskedAgain(t *testing.T) {
	ahead := strings.NewReplacer(`"version":3`, `"version":7`).Replace(aCase)
	behind := contract.Refusal{Code: "action_not_allowed", Detail: "not now", Stage: "reviewing", Version: 6}
	for name, test := range map[string]struct {
		refusals, status int
		code             string
	}{
		"it catches up":       {1, 200, ""},
		"it does not, so far": {1000, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", answer(ahead))
			asked := 0
			w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				if asked++; asked <= test.refusals {
					return handle{err: refusal(contract.ErrorActionRefused, behind)}, nil
				}
				return handle{}, nil
			}
			w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/ship", shipping).is(test.status, test.code)
			if asked < 2 || w.temporal.updates[0].UpdateID != w.temporal.updates[1].UpdateID {
				t.Errorf("asked %d times: %v", asked, w.temporal.updates)
			}
		})
	}
}

func TestACaseWhoseWorkflowHasEndedAllowsNothing(t *testing.T) {
	closed := strings.NewReplacer(`"stage":"reviewing","status":"open"`, `"stage":"closed","status":"closed","outcome":"refunded"`).Replace(aCase)
	for name, failure := range map[string]error{
		"long ago":       serviceerror.NewNotFound("workflow execution already completed"),
		"at this moment": temporal.NewNonRetryableApplicationError("", "AcceptedUpdateCompletedWorkflow", nil),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", answer(closed))
			w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				return nil, failure
			}
			answer := w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/withdraw", `{}`).is(409, "action_not_allowed")
			if allowed, ok := answer.member("allowed").([]any); !ok || len(allowed) != 0 || answer.member("stage") != "closed" {
				t.Errorf("says %s", answer.body)
			}
		})
	}
}

func TestAnActionThatWasTakenInButNotDoneInTimeIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		return handle{slow: true}, nil
	}
	answer := w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/withdraw", `{}`).is(202, "")
	if answer.header.Get("Location") != "/v1/cases/case_1" || answer.member("case_id") != caseID {
		t.Errorf("answers %v %s", answer.header, answer.body)
	}
}

func TestAnActionThatTheWorkflowBeforeHasDoneIsDone(t *testing.T) {
	refusal := contract.Refusal{Code: contract.RefusedNotAllowed, Stage: "closed", Version: 9}
	for name, now := range map[string]error{
		"the case is over": serviceerror.NewNotFound("workflow execution already completed"),
		"the case is looked at once more": temporal.NewApplicationErrorWithOptions("no", contract.ErrorActionRefused, temporal.ApplicationErrorOptions{
			NonRetryable: true, Details: []any{refusal},
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.temporal.update = func(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				w.temporal.first, w.temporal.done = "first", map[string]bool{o.UpdateID: true}
				return nil, now
			}
			w.ask(w.token("w1", "warehouse"), "POST", "/v1/cases/case_1/receive", `{}`).is(200, "")
			w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				return nil, now
			}
			w.ask(w.token("w1", "warehouse"), "POST", "/v1/cases/case_1/receive", `{}`).is(409, "action_not_allowed")
		})
	}
}

func TestAnActionThatNobodyTookInIsNotClaimedToBeDone(t *testing.T) {
	for name, update := range map[string]func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error){
		"no worker": func(ctx context.Context, _ client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			return unheard(ctx)
		},
		"no Temporal": func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			return nil, serviceerror.NewUnavailable("connection refused")
		},
		"too many at once": func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			return nil, &serviceerror.ResourceExhausted{Message: "limit"}
		},
		"a defect that is being mended": func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			return nil, serviceerror.NewWorkflowNotReady("unexpected workflow task failure")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.temporal.update = update
			w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/withdraw", `{}`).is(503, "unavailable")
		})
	}
}

func TestAFailureThatNobodyExpectedIsOursAndSaysNothing(t *testing.T) {
	w := newWorld(t)
	w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		return nil, errors.New("secret detail")
	}
	answer := w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/withdraw", `{}`).is(500, "internal")
	if strings.Contains(answer.body, "secret") {
		t.Errorf("says %s", answer.body)
	}
}

func TestAPausedCaseSaysSo(t *testing.T) {
	w := newWorld(t)
	w.temporal.update = func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		return nil, serviceerror.NewFailedPrecondition("Workflow is paused. Cannot update the workflow.")
	}
	w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/withdraw", `{}`).is(409, "case_paused")
}

func TestARepeatedActionIsTheSameUpdateAndAnotherOneIsNot(t *testing.T) {
	w := newWorld(t)
	ask := func(token, path, body, key string) string {
		headers := []string{}
		if key != "" {
			headers = []string{"Idempotency-Key", key}
		}
		w.ask(token, "POST", "/v1/cases/case_1/"+path, body, headers...).is(200, "")
		return w.temporal.updates[len(w.temporal.updates)-1].UpdateID
	}
	buyer, shop := w.token(owner, "buyer"), w.token("shop", "storefront")
	first := ask(buyer, "withdraw", `{}`, key)
	if again := ask(buyer, "withdraw", `{}`, key); again != first {
		t.Errorf("repeated: %s, then %s", first, again)
	}
	seen := map[string]string{first: "the first"}
	for name, id := range map[string]string{
		"another key":     ask(buyer, "withdraw", `{}`, "another-key"),
		"another action":  ask(buyer, "agree", `{}`, key),
		"another content": ask(buyer, "withdraw", `{"version":3}`, key),
		"another subject": ask(shop, "withdraw", `{}`, key),
		"no key":          ask(buyer, "withdraw", `{}`, ""),
		"no key again":    ask(buyer, "withdraw", `{}`, ""),
	} {
		if before, ok := seen[id]; ok {
			t.Errorf("%s is the same as %s", name, before)
		}
		seen[id] = name
	}
	notes := func() []call { return w.cases.asked("POST", "/notes") }
	ask(buyer, "notes", `{"note":"one"}`, key)
	ask(buyer, "notes", `{"note":"two"}`, key)
	var one, two struct {
		Key string `json:"idempotency_key"`
	}
	if json.Unmarshal([]byte(notes()[0].body), &one) != nil || json.Unmarshal([]byte(notes()[1].body), &two) != nil || one != two {
		t.Errorf("notes under one key are kept under %v and %v", one, two)
	}
}

func TestWhatTheNoteIsRefusedForIsToldAndNothingIsDone(t *testing.T) {
	w := newWorld(t)
	w.cases.on("POST /v1/merchants/{merchant}/cases/case_1/notes", refusing(problem.Unprocessable("idempotency_key_reused", "other content").
		WithFields(problem.FieldError{Field: "idempotency_key", Detail: "was used"})))
	w.ask(w.token(owner, "buyer"), "POST", "/v1/cases/case_1/notes", `{"note":"two"}`, "Idempotency-Key", key).
		is(422, "idempotency_key_reused").names("Idempotency-Key")
	w.unmoved()
}

func TestContentThatCannotBeIsRefusedBeforeTheWorkflowIsAsked(t *testing.T) {
	slot := func(start, end string) string { return `{"slot":{"start":"` + start + `","end":"` + end + `"}}` }
	tests := map[string]struct {
		path, role, body string
		status           int
		field            string
	}{
		"a slot that ends before it starts": {"reschedule-pickup", "buyer", slot("2126-01-01T10:00:00Z", "2126-01-01T08:00:00Z"), 422, "slot.end"},
		"a slot in the past":                {"book-pickup", "buyer", slot("2020-01-01T08:00:00Z", "2126-01-01T08:00:00Z"), 422, "slot.start"},
		"a slot of eight days":              {"book-pickup", "buyer", slot("2126-01-01T08:00:00Z", "2126-01-09T08:00:01Z"), 422, "slot.end"},
		"a slot that is no time":            {"book-pickup", "buyer", slot("tomorrow", "2126-01-09T08:00:01Z"), 400, "slot.start"},
		"a carrier without number":          {"send-back", "warehouse", `{"carrier":"shunfeng"}`, 422, "tracking_number"},
		"a number without carrier":          {"send-back", "warehouse", `{"tracking_number":"SF123456"}`, 422, "carrier"},
		"no tracking number":                {"ship", "buyer", `{"carrier":"shunfeng"}`, 400, "tracking_number"},
		"an odd tracking number":            {"ship", "buyer", `{"carrier":"shunfeng","tracking_number":"<script>"}`, 400, "tracking_number"},
		"an unknown reason":                 {"reject", "agent", `{"reason":"mood"}`, 400, "reason"},
		"an unknown field":                  {"approve", "agent", `{"reason":"mood"}`, 400, "body"},
		"no body":                           {"approve", "agent", ``, 400, "body"},
		"no JSON":                           {"approve", "agent", `{`, 400, "body"},
		"a list":                            {"approve", "agent", `[]`, 400, "body"},
		"null":                              {"approve", "agent", `null`, 400, "body"},
		"a version of nothing":              {"approve", "agent", `{"version":0}`, 400, "version"},
		"an empty note":                     {"skip", "operator", `{"note":""}`, 400, "note"},
		"half a unit":                       {"inspect", "warehouse", `{"lines":[{"line_id":"l1","accepted_quantity":0.5,"rejected_quantity":0,"condition":"intact"}]}`, 400, "lines[0].accepted_quantity"},
		"a currency of two letters":         {"inspect", "warehouse", `{"lines":[{"line_id":"l1","accepted_quantity":1,"rejected_quantity":0,"condition":"intact","deduction":{"amount":1,"currency":"CN"}}]}`, 400, "lines[0].deduction.currency"},
	}
	w := newWorld(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			code := "invalid_request"
			if test.status == http.StatusUnprocessableEntity {
				code = "invalid_action"
			}
			w.ask(w.token(owner, test.role), "POST", "/v1/cases/case_1/"+test.path, test.body, "Content-Type", "application/json").
				is(test.status, code).names(test.field)
			w.unmoved()
		})
	}
}
