package domain

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxIndexed is how many characters the columns have by which cases and notes are found.
const maxIndexed = 64

// Values of a case that this service itself looks at.
const (
	StatusOpen   = "open"
	StatusClosed = "closed"
	StageClosed  = "closed"

	// entryReopened is the entry that opens a closed case again.
	entryReopened = "case.reopened"

	// Everyone includes the buyer; Staff does not.
	Everyone = "everyone"
	Staff    = "staff"
)

// Entry is one line of a case's timeline. Data has ids, codes and amounts, never free text.
type Entry struct {
	Number   int64          `json:"number"`
	Type     string         `json:"type"`
	At       time.Time      `json:"at"`
	Actor    Actor          `json:"actor"`
	Rules    []string       `json:"rules,omitempty"`
	NoteID   string         `json:"note_id,omitempty"`
	Audience string         `json:"audience"`
	Data     map[string]any `json:"data,omitempty"`
}

// ByItself tells that nobody acted: the case went on because its time had come, or because it could.
func (e Entry) ByItself() bool {
	return e.Actor.Role == RoleSystem && (e.Actor.ID == "clock" || e.Actor.ID == "workflow")
}

// Consequence is the code of what was to happen at the deadline of a state, by its document; "unnamed" if that does not
// say.
func Consequence(document json.RawMessage) string {
	var state struct {
		NextActions []struct {
			Consequence string `json:"consequence"`
		} `json:"next_actions"`
	}
	// A document that cannot be read names none.
	_ = json.Unmarshal(document, &state)
	for _, next := range state.NextActions {
		if next.Consequence != "" {
			return next.Consequence
		}
	}
	return "unnamed"
}

// State is a case after a step.
type State struct {
	Stage   string `json:"stage"`
	Status  string `json:"status"`
	Outcome string `json:"outcome,omitempty"`
	// Deadline is the nearest one of the next actions; zero if there is none.
	Deadline time.Time `json:"deadline,omitzero"`
	// Awaiting are the roles that can act now.
	Awaiting       Roles `json:"awaiting,omitempty"`
	NeedsAttention bool  `json:"needs_attention,omitempty"`
	// AttentionReason is why; empty unless the case needs attention.
	AttentionReason string `json:"attention_reason,omitempty"`
	TrackingNumber  string `json:"tracking_number,omitempty"`
	// Document is the whole state as the caller gave it, to be given back to readers.
	Document json.RawMessage `json:"document"`
}

// Step is entries and the state after them, recorded together or not at all. Make it with [NewStep].
type Step struct {
	entries []Entry
	state   State
	fence   int64
}

// NewStep checks that the step can be one of a case: entries numbered without gaps from at least 1,
// and a state that does not contradict itself. The error is a 422 problem that names the field.
//
// The fence never falls over the life of the caller; 0 means that it has none.
func NewStep(entries []Entry, state State, fence int64) (Step, error) {
	if len(entries) == 0 {
		return Step{}, Fault(CodeInvalidStep, "entries", "must have at least one entry")
	}
	if entries[0].Number < 1 {
		return Step{}, Fault(CodeInvalidStep, "entries[0].number", "must be at least 1")
	}
	for i, entry := range entries {
		if want := entries[0].Number + int64(i); entry.Number != want {
			return Step{}, Fault(CodeInvalidStep, fmt.Sprintf("entries[%d].number", i), fmt.Sprintf("must be %d, one more than the entry before", want))
		}
		if len(entry.NoteID) > maxIndexed {
			return Step{}, Fault(CodeInvalidStep, fmt.Sprintf("entries[%d].note_id", i), "is no id of a note")
		}
	}
	switch {
	case (state.Status == StatusClosed) != (state.Stage == StageClosed):
		return Step{}, Fault(CodeInvalidStep, "state.stage", "stage and status are closed together or not at all")
	case state.Status == StatusClosed && state.Outcome == "":
		return Step{}, Fault(CodeInvalidStep, "state.outcome", "a closed case has an outcome")
	}
	if state.Status == StatusClosed {
		// Nobody is waited for, and nothing runs out, once a case is closed.
		state.Awaiting, state.Deadline = 0, time.Time{}
	}
	// What is too long to be found whole is found by its beginning; the document has all of it.
	state.TrackingNumber, state.AttentionReason = beginning(state.TrackingNumber), beginning(state.AttentionReason)
	return Step{entries: entries, state: state, fence: fence}, nil
}

func beginning(text string) string {
	if runes := []rune(text); len(runes) > maxIndexed {
		return string(runes[:maxIndexed])
	}
	return text
}

// Hash tells entries apart by what happened. When it is told, and under which number, makes no other
// event of it: a caller that repeats itself after a crash does so later.
func (e Entry) Hash() (string, error) {
	e.Number, e.At = 0, time.Time{}
	return hashOf(e)
}

// After is the step with those of its entries that are not told yet, numbered on from a version. told has the numbers under
// which entries are recorded, by their hashes; each stands for one entry. repeated is the last number of an entry of the step
// that is among them, 0 if none is.
func (s Step) After(version int64, told map[string][]int64) (rest Step, repeated int64, err error) {
	rest = Step{state: s.state, fence: s.fence}
	used := map[string]int{}
	for _, entry := range s.entries {
		hash, err := entry.Hash()
		if err != nil {
			return Step{}, 0, err
		}
		if numbers := told[hash]; used[hash] < len(numbers) {
			repeated = max(repeated, numbers[used[hash]])
			used[hash]++
			continue
		}
		version++
		entry.Number = version
		rest.entries = append(rest.entries, entry)
	}
	return rest, repeated, nil
}

// Empty tells that nothing is left of the step.
func (s Step) Empty() bool { return len(s.entries) == 0 }

// Reopens tells that the step opens a closed case again. No other may.
func (s Step) Reopens() bool { return s.entries[0].Type == entryReopened }

// Reason is the code that the first entry gives for what happened; "unknown" if it gives none.
func (s Step) Reason() string {
	if reason, ok := s.entries[0].Data["reason"].(string); ok && reason != "" {
		return reason
	}
	return "unknown"
}

// Fence is the caller's fence.
func (s Step) Fence() int64 { return s.fence }

// Entries are the entries in order. The caller must not change them.
func (s Step) Entries() []Entry { return s.entries }

// State is the state after the step.
func (s Step) State() State { return s.state }

// First is the number of the first entry.
func (s Step) First() int64 { return s.entries[0].Number }

// Last is the number of the last entry, and the case's version after the step.
func (s Step) Last() int64 { return s.entries[len(s.entries)-1].Number }

// Roles is a set of roles.
type Roles int64

var roleBits = map[string]Roles{
	RoleStorefront: 1 << 0, RoleBuyer: 1 << 1, RoleAgent: 1 << 2, RoleWarehouse: 1 << 3,
	RoleFinance: 1 << 4, RoleOperator: 1 << 5, RoleAdministrator: 1 << 6, RoleSystem: 1 << 7,
}

// RolesOf returns the set. Outside parties, such as a carrier, are no roles and are left out. The bits
// are stored: they never change their meaning.
func RolesOf(names ...string) Roles {
	var set Roles
	for _, name := range names {
		set |= roleBits[name]
	}
	return set
}
