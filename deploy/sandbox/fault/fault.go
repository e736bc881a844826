// Package fault holds the rules by which the sandbox misbehaves.
//
// A rule names a system and an operation, what it matches, what happens and how
// often. Rules and how often they fired are kept in a journal, so that a
// restart changes nothing.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"aftercare.dev/deploy/sandbox/journal"
)

// Effect is what a rule does.
type Effect string

// The effects. The first five are about a request and its answer, the next four
// about callbacks, the last about what the provider decides.
const (
	LoseAnswer  Effect = "lose_answer"  // do the work, then drop the connection
	LoseRequest Effect = "lose_request" // drop the connection, do nothing
	Delay       Effect = "delay"        // do the work, answer ms later; a callback leaves ms later
	Fail        Effect = "fail"         // answer with an error, do nothing

	DuplicateCallback Effect = "duplicate_callback" // send it n more times
	DropCallbacks     Effect = "drop_callbacks"     // never send it
	ReorderCallbacks  Effect = "reorder_callbacks"  // send it after the next one of the same subject
	ForgeCallback     Effect = "forge_callback"     // send a false one first, wrongly signed

	Outcome Effect = "outcome" // how the work ends
)

// Systems are those that rules may name.
var Systems = []string{"payment", "carrier", "insurer", "mail"}

var effects = []Effect{
	LoseAnswer, LoseRequest, Delay, Fail,
	DuplicateCallback, DropCallbacks, ReorderCallbacks, ForgeCallback, Outcome,
}

// ErrInvalid is wrapped by errors about a rule's content.
var ErrInvalid = errors.New("invalid rule")

// Rule is one misbehaviour.
type Rule struct {
	ID        string            `json:"id"`
	System    string            `json:"system"`
	Operation string            `json:"operation,omitempty"` // empty: any
	Match     map[string]string `json:"match,omitempty"`     // all must be equal
	Effect    Effect            `json:"effect"`

	MS         int    `json:"ms,omitempty"`          // of delay
	N          int    `json:"n,omitempty"`           // of duplicate_callback, default 1
	HTTPStatus int    `json:"http_status,omitempty"` // of fail
	Code       string `json:"code,omitempty"`        // of fail: the provider's own error code
	Message    string `json:"message,omitempty"`     // of fail
	Outcome    string `json:"outcome,omitempty"`     // of outcome

	Times int `json:"times"` // how often, default 1; -1: always
	Fired int `json:"fired"`
}

// Call is what a rule is matched against.
type Call struct {
	System, Operation string
	Keys              map[string]string
}

// Set is the rules in force. It is safe for concurrent use.
type Set struct {
	log *journal.Log

	mu    sync.RWMutex
	rules []*Rule
	next  int
}

type line struct {
	Op string `json:"op"` // rule, fired, deleted, reset
	ID string `json:"id,omitempty"`
	*Rule
}

// Open loads the rules from the journal at path.
func Open(path string) (*Set, error) {
	s := &Set{}
	log, err := journal.Open(path, func(raw []byte, _ journal.Ticket) error { return s.replay(raw) })
	if err != nil {
		return nil, err
	}
	s.log = log
	return s, nil
}

// Close closes the journal.
func (s *Set) Close() error { return s.log.Close() }

func (s *Set) replay(raw []byte) error {
	var l struct {
		Op string `json:"op"`
		Rule
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	switch l.Op {
	case "rule":
		s.rules = append(s.rules, &l.Rule)
		s.next++
	case "fired":
		if i := s.index(l.ID); i >= 0 {
			s.rules[i].Fired++
		}
	case "deleted":
		if i := s.index(l.ID); i >= 0 {
			s.rules = slices.Delete(s.rules, i, i+1)
		}
	case "reset":
		s.rules = nil
	}
	return nil
}

// Add puts a rule in force and returns it as it is kept.
func (s *Set) Add(r Rule) (Rule, error) {
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	if r.Times == 0 {
		r.Times = 1
	}
	r.Fired = 0
	r.Match = maps.Clone(r.Match)
	s.mu.Lock()
	s.next++
	if r.ID == "" {
		r.ID = "rule-" + strconv.Itoa(s.next)
	}
	if s.index(r.ID) >= 0 {
		s.mu.Unlock()
		return Rule{}, fmt.Errorf("%w: id %q is taken", ErrInvalid, r.ID)
	}
	t, err := s.log.Enqueue(line{Op: "rule", ID: r.ID, Rule: &r})
	if err != nil {
		s.mu.Unlock()
		return Rule{}, err
	}
	kept := r
	s.rules = append(s.rules, &kept)
	s.mu.Unlock()
	return r, s.log.Wait(t)
}

func (r Rule) check() error {
	switch {
	case !slices.Contains(Systems, r.System):
		return fmt.Errorf("%w: system %q is none of %v", ErrInvalid, r.System, Systems)
	case !slices.Contains(effects, r.Effect):
		return fmt.Errorf("%w: effect %q is none of %v", ErrInvalid, r.Effect, effects)
	case r.Effect == Outcome && r.Outcome == "":
		return fmt.Errorf("%w: effect outcome needs an outcome", ErrInvalid)
	case r.Effect == Delay && r.MS <= 0:
		return fmt.Errorf("%w: effect delay needs ms", ErrInvalid)
	case r.Times < -1 || r.N < 0 || r.MS < 0:
		return fmt.Errorf("%w: times, n or ms is negative", ErrInvalid)
	}
	return nil
}

// List returns the rules in the order in which they are tried.
func (s *Set) List() []Rule {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Rule, 0, len(s.rules))
	for _, r := range s.rules {
		out = append(out, *r)
	}
	return out
}

// Delete takes a rule out of force; false if there is none with that id.
func (s *Set) Delete(id string) (bool, error) {
	s.mu.Lock()
	i := s.index(id)
	if i < 0 {
		s.mu.Unlock()
		return false, nil
	}
	s.rules = slices.Delete(s.rules, i, i+1)
	t, err := s.log.Enqueue(line{Op: "deleted", ID: id})
	s.mu.Unlock()
	if err != nil {
		return true, err
	}
	return true, s.log.Wait(t)
}

// Reset takes all rules out of force.
func (s *Set) Reset() error {
	s.mu.Lock()
	s.rules = nil
	t, err := s.log.Enqueue(line{Op: "reset"})
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.log.Wait(t)
}

// Take returns the first rule that matches the call with one of the effects,
// and counts it as fired. It does not wait for the disk.
func (s *Set) Take(c Call, effects ...Effect) (Rule, bool) {
	s.mu.RLock()
	none := len(s.rules) == 0
	s.mu.RUnlock()
	if none {
		return Rule{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if !slices.Contains(effects, r.Effect) || !r.matches(c) {
			continue
		}
		r.Fired++
		if r.Times >= 0 {
			// A lost line lets the rule fire once more: harmless.
			_, _ = s.log.Enqueue(line{Op: "fired", ID: r.ID})
		}
		return *r, true
	}
	return Rule{}, false
}

func (r *Rule) matches(c Call) bool {
	if r.System != c.System || (r.Operation != "" && r.Operation != c.Operation) {
		return false
	}
	if r.Times >= 0 && r.Fired >= r.Times {
		return false
	}
	for k, v := range r.Match {
		if c.Keys[k] != v {
			return false
		}
	}
	return true
}

func (s *Set) index(id string) int {
	return slices.IndexFunc(s.rules, func(r *Rule) bool { return r.ID == id })
}
