package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Typed is what operators can type into the Temporal UI or its CLI when they retry, skip or resolve: nobody can type the
// id of a note there.
type Typed struct {
	// Note says why, in at most MaxTypedNote characters. It stays in the history of the workflow: no name, phone number
	// or address of anybody belongs in it. On the timeline it is a note like others, for staff only.
	Note string `json:"note,omitempty"`

	// unknown are fields that the action does not have.
	unknown []string
}

// MaxTypedNote is how many characters a typed note may have.
const MaxTypedNote = 500

// typist is who acts when the input does not say: somebody at the Temporal UI or its CLI.
var typist = Actor{Role: Operator, ID: "temporal"}

// Words are what was typed.
func (t Typed) Words() string { return t.Note }

// By implements Act.
func (r Retry) By() Envelope { return r.orTypist() }

// By implements Act.
func (s Skip) By() Envelope { return s.orTypist() }

// By implements Act.
func (r Resolve) By() Envelope { return r.orTypist() }

func (e Envelope) orTypist() Envelope {
	if e.Actor == (Actor{}) {
		e.Actor = typist
	}
	return e
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Retry) UnmarshalJSON(input []byte) error { return r.read(input, &r.Envelope) }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Skip) UnmarshalJSON(input []byte) error { return s.read(input, &s.Envelope) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Resolve) UnmarshalJSON(input []byte) error { return r.read(input, &r.Envelope) }

// read remembers fields that do not exist instead of failing: what was taken once is read again whenever its workflow
// is replayed, by newer code and by older.
func (t *Typed) read(input []byte, e *Envelope) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(input, &fields); err != nil {
		return fmt.Errorf(`the input is not an object; type one such as {"note": "the carrier is back"}: %w`, err)
	}
	for field := range fields {
		if !slices.Contains([]string{"note", "note_id", "actor", "version"}, field) {
			t.unknown = append(t.unknown, field)
		}
	}
	slices.Sort(t.unknown)
	if err := json.Unmarshal(input, e); err != nil {
		return err
	}
	var said struct {
		Note string `json:"note"`
	}
	err := json.Unmarshal(input, &said)
	t.Note = said.Note
	return err
}

// Unfit is why the input cannot be taken whatever the case is like, or nil.
func (r Retry) Unfit() *Refusal { return r.unfit(r.Envelope, false) }

// Unfit is why the input cannot be taken whatever the case is like, or nil.
func (s Skip) Unfit() *Refusal { return s.unfit(s.Envelope, true) }

// Unfit is why the input cannot be taken whatever the case is like, or nil.
func (r Resolve) Unfit() *Refusal { return r.unfit(r.Envelope, true) }

// unfit asks whoever types for a reason if the action cannot be undone.
func (t Typed) unfit(e Envelope, reason bool) *Refusal {
	refusal := func(field, detail string) *Refusal {
		return &Refusal{Code: RefusedInvalid, Field: field, Detail: detail}
	}
	switch {
	case len(t.unknown) > 0:
		return refusal(t.unknown[0], strings.Join(t.unknown, ", ")+
			`: there is no such field; the input has "note" and, if you like, "version" and "actor"`)
	case utf8.RuneCountInString(t.Note) > MaxTypedNote:
		return refusal("note", fmt.Sprintf("note is longer than %d characters; say it shorter", MaxTypedNote))
	case t.Note != "" && e.NoteID != "":
		return refusal("note", "give note or note_id, not both")
	case e.Actor != (Actor{}) && (e.Actor.ID == "" || e.Actor.Role != Operator && e.Actor.Role != Administrator):
		return refusal("actor", `actor is {"role": "operator", "id": "your id"}; it can be left out`)
	case reason && e.Actor == (Actor{}) && t.Note == "" && e.NoteID == "":
		return refusal("note", `say why: the input is an object such as {"note": "settled by phone"}`)
	}
	return nil
}
