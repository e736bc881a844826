package http

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// action is what every action of a person has in the public contract.
type action struct {
	caseID string
	key    *api.IdempotencyKey
	// body is the whole body as it came; with the key it makes a repeated request recognisable.
	body     any
	version  *api.Version
	note     *api.Text
	evidence *api.EvidenceIDs
}

// build makes the update that goes to the workflow. It may keep personal data elsewhere and name it by its id.
type build func(contract.Envelope) (contract.Act, error)

// act does an action on a case: the words of the actor are kept first, so that the workflow carries only their id, then
// the workflow is asked, and the case is read back.
func (h *Handlers) act(ctx context.Context, name contract.Action, a action, content build) (acted, error) {
	seen, err := h.found(ctx, a.caseID)
	if err != nil {
		return acted{}, err
	}
	id, err := a.id(access.From(ctx), name)
	if err != nil {
		return acted{}, err
	}
	envelope := contract.Envelope{Actor: access.From(ctx).Actor(), Version: value(a.version)}
	if envelope.NoteID, err = h.keepNote(ctx, a, id); err != nil {
		return acted{}, err
	}
	update, err := content(envelope)
	if err != nil {
		return acted{}, err
	}
	done, err := h.update(ctx, seen, id, update)
	if err != nil {
		return acted{}, err
	}
	c, err := h.readCase(ctx, a.caseID)
	if err != nil || !done {
		// It is done, or will be; that the case cannot be read at the moment is no reason to say otherwise.
		return acted{caseID: a.caseID}, nil //nolint:nilerr // the action is durable whether or not the case can be read
	}
	return acted{caseID: a.caseID, body: &c}, nil
}

// found is the case that somebody acts on, as far as it is known: its version may be 0.
func (h *Handlers) found(ctx context.Context, caseID string) (cases.Case, error) {
	if h.known.mayAct(access.From(ctx), caseID) {
		return cases.Case{CaseID: caseID}, nil
	}
	return h.readCase(ctx, caseID)
}

// id makes a repeated request the same update: the key in the hands of this subject, for this action with this content.
// Without a key every request is another one.
func (a action) id(caller access.Caller, name contract.Action) (string, error) {
	if a.key == nil {
		return ids.New("act"), nil
	}
	content, err := json.Marshal(a.body)
	if err != nil {
		return "", fmt.Errorf("recognise a repeated request: %w", err)
	}
	return ids.Derive("act", *a.key, string(name), string(caller.Role), caller.Subject, string(content)), nil
}

// keepNote keeps the words and evidence of the actor and returns their id, or nothing if there are none.
func (h *Handlers) keepNote(ctx context.Context, a action, id string) (string, error) {
	if value(a.note) == "" && len(value(a.evidence)) == 0 {
		return "", nil
	}
	caller := access.From(ctx)
	note, err := read(h.Services.Cases.StoreNoteWithResponse(ctx, caller.MerchantID, a.caseID, cases.NoteInput{
		IdempotencyKey: id, Author: cases.Actor{Role: cases.Role(caller.Role), ID: caller.Subject},
		Text: value(a.note), EvidenceIds: a.evidence,
	}))
	return note.NoteID, err
}

// catchingUp is how long a workflow that is behind its case is left alone.
const catchingUp = 250 * time.Millisecond

// update asks the workflow of the case. False without an error means that it accepted and its answer follows.
//
// A workflow whose worker died goes on from its history, and can be behind what the case shows for some seconds: what it
// refuses then, it was only asked too early.
func (h *Handlers) update(ctx context.Context, seen cases.Case, id string, act contract.Act) (done bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, h.Limits.Act)
	defer cancel()
	accepted, err := h.ask(waiting, seen.CaseID, id, act)
	refusal, refuses := refusalOf(err, contract.ErrorActionRefused)
	if (refuses || gone(err)) && h.answeredBefore(waiting, seen.CaseID, id) {
		return true, nil
	}
	if refuses && seen.Version == 0 {
		var unread error
		if seen, unread = h.readCase(ctx, seen.CaseID); unread != nil {
			return false, unread
		}
	}
	for refuses && refusal.Stage != "" && refusal.Version < seen.Version {
		select {
		case <-waiting.Done():
			return false, unanswered(waiting.Err())
		case <-time.After(catchingUp):
		}
		accepted, err = h.ask(waiting, seen.CaseID, id, act)
		refusal, refuses = refusalOf(err, contract.ErrorActionRefused)
	}
	switch {
	case refuses:
		return false, refused(refusal)
	case err == nil:
		return true, nil
	case gone(err):
		return false, h.tooLate(ctx, seen.CaseID, act.Action())
	case ctx.Err() != nil:
		return false, ctx.Err()
	case accepted && late(err):
		return false, nil
	default:
		return false, unanswered(err)
	}
}

// ask asks the workflow once, and tells whether it accepted, whatever became of that.
func (h *Handlers) ask(ctx context.Context, caseID, id string, act contract.Act) (accepted bool, err error) {
	update, err := h.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: contract.CaseWorkflowID(access.From(ctx).MerchantID, caseID),
		UpdateID:   id, UpdateName: string(act.Action()), Args: []any{act},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return false, err
	}
	var answer contract.Acted
	return true, update.Get(ctx, &answer)
}

// answeredBefore tells whether the action was done by the workflow that the case had before the one of now: a closed case
// that was opened again, or looked at once more, has another, which knows nothing of the actions of the first.
func (h *Handlers) answeredBefore(ctx context.Context, caseID, id string) bool {
	workflowID := contract.CaseWorkflowID(access.From(ctx).MerchantID, caseID)
	described, err := h.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return false
	}
	now := described.GetWorkflowExecutionInfo()
	if first := now.GetFirstRunId(); first != "" && first != now.GetExecution().GetRunId() {
		earlier := h.Temporal.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{WorkflowID: workflowID, RunID: first, UpdateID: id})
		return earlier.Get(ctx, &contract.Acted{}) == nil
	}
	return false
}

// tooLate is the refusal of a case whose workflow has ended.
func (h *Handlers) tooLate(ctx context.Context, caseID string, name contract.Action) error {
	c, err := h.readCase(ctx, caseID)
	if err != nil {
		return err
	}
	return refused(contract.Refusal{
		Code: contract.RefusedNotAllowed, Detail: fmt.Sprintf("%s is not possible any more, the case is %s", name, c.Stage),
		Stage: string(c.Stage), Version: c.Version,
	})
}

// acted is the answer to every action: the case after it, or where to look for it.
type acted struct {
	caseID string
	// body is nil while the effect of the action follows.
	body *cases.Case
}

func (a acted) write(w http.ResponseWriter) error {
	status, body := http.StatusOK, any(a.body)
	if a.body == nil {
		w.Header().Set("Location", *location(a.caseID))
		status, body = http.StatusAccepted, api.CaseRef{CaseID: a.caseID}
	}
	content, err := json.Marshal(body)
	if err != nil {
		return problem.Internal(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(content, '\n'))
	return err
}
