package caseflow

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// minutely is how operators read a time.
const minutely = "2006-01-02 15:04 UTC"

// details is the live checklist for operators, in Markdown: where the case has been and is, who is expected until when,
// what happens otherwise, and what to press when it cannot go on.
func (f *Flow) details() string {
	lines := f.attentionDetails()
	for i, stage := range f.walked {
		if i == len(f.walked)-1 && f.State.Status != api.StatusClosed {
			lines = append(lines, "- ▶ **"+words(string(stage))+"** since "+f.since.Format(minutely))
			continue
		}
		lines = append(lines, "- ✓ "+words(string(stage)))
	}
	if outcome := f.State.Outcome; outcome != nil {
		lines = append(lines, "", "Outcome: **"+words(string(*outcome))+"**")
	}
	lines = append(lines, f.expectedDetails()...)
	if s := f.State.Shipment; s != nil {
		lines = append(lines, "", "Parcel `"+s.ShipmentID+"`: "+words(s.State))
	}
	if r := f.State.Refund; r != nil {
		lines = append(lines, "", "Refund `"+r.RefundID+"`: "+words(r.State)+" (workflow `"+contract.RefundWorkflowID(f.Case.MerchantID, r.RefundID)+"`)")
	}
	lines = append(lines, "", "Version "+strconv.FormatInt(f.version, 10)+"; times are UTC.")
	return strings.Join(lines, "\n")
}

// attentionDetails tells what is wrong and what to press.
func (f *Flow) attentionDetails() []string {
	a := f.State.Attention
	if a == nil {
		return nil
	}
	lines := []string{
		"### ⚠ Needs attention: `" + a.Reason + "`", "", "Since " + a.Since.Format(minutely) + ". " + explain(a.Reason, f.heals()), "",
	}
	var press []string
	for _, next := range f.State.NextActions {
		if help, ok := pressed[contract.Action(next.Action)]; ok {
			press = append(press, "- `"+next.Action+"` "+help)
		}
	}
	if len(press) > 0 {
		lines = append(lines, "More Actions → Send an Update, with the input `{\"note\": \"why\"}` (no personal data):", "")
		lines = append(append(lines, press...), "")
	}
	return append(lines, "docs/runbook.md tells how to find out more.", "")
}

// heals tells that what failed is tried again by itself.
func (f *Flow) heals() bool {
	return slices.ContainsFunc(f.State.NextActions, func(next api.NextAction) bool {
		return next.Consequence != nil && *next.Consequence == consequenceTriedAgain
	})
}

// expectedDetails tells who is expected to do what.
func (f *Flow) expectedDetails() []string {
	if len(f.State.NextActions) == 0 {
		return nil
	}
	lines := []string{"", "| Who | what | until | otherwise |", "|---|---|---|---|"}
	for _, next := range f.State.NextActions {
		until, otherwise := "–", "–"
		if next.Deadline != nil {
			until = next.Deadline.UTC().Format(minutely)
		}
		if next.Consequence != nil {
			otherwise = words(*next.Consequence)
		}
		who := strings.ReplaceAll(strings.Join(next.Actors, ", "), "_", " ")
		lines = append(lines, "| "+strings.Join([]string{who, words(next.Action), until, otherwise}, " | ")+" |")
	}
	return lines
}

// walk remembers the way of the case.
func (f *Flow) walk(stage api.Stage, now time.Time) {
	if len(f.walked) > 0 && f.walked[len(f.walked)-1] == stage {
		return
	}
	f.walked, f.since = append(f.walked, stage), now.UTC()
	// A case can go in circles: its beginning and the last of its way are told.
	if len(f.walked) > longestWay {
		f.walked = slices.Delete(f.walked, 1, 2)
	}
}

// longestWay is how many stages the checklist has at most.
const longestWay = 20

// ChildDetails are for the operator who opens a child of the case in the Temporal UI: what it does, and where its case is.
func ChildDetails(c contract.Case, does string) string {
	return does + "\n\nIts case: workflow `" + c.WorkflowID() + "`. What needs a person is said there, and done there.\n\n" +
		"If it stands still, Pending Activities tell why. Do not terminate it: docs/runbook.md."
}
