package caseflow

import "aftercare.dev/workflows/contract"

// turn is an action on its way: taken by its handler, carried out by the main coroutine, answered when the case stands
// still again.
type turn struct {
	act      contract.Act
	refused  *contract.Refusal
	acted    contract.Acted
	answered bool
}

// turns are the actions that are not answered yet.
type turns struct {
	// taken waits for the main coroutine.
	taken *turn
	// current is what the main coroutine carries out.
	current *turn
	// leaving is the withdrawal that the main coroutine has not noticed.
	leaving *turn
	// carried are answered when the case stands still: the current one, and what overtook it.
	carried []*turn
}

// pick gives the main coroutine what was taken.
func (t *turns) pick() contract.Act {
	t.current, t.taken = t.taken, nil
	t.carried = append(t.carried, t.current)
	return t.current.act
}

// leave has the withdrawal answered with the next step.
func (t *turns) leave() {
	if t.leaving != nil {
		t.carried = append(t.carried, t.leaving)
	}
	t.leaving = nil
}

// answer lets the handlers of what was carried out return where the case stands now.
func (t *turns) answer(acted contract.Acted) {
	for _, carried := range t.carried {
		carried.acted, carried.answered = acted, true
	}
	t.current, t.carried = nil, nil
}

// turnAway refuses what was taken and will not be carried out.
func (t *turns) turnAway(refusal contract.Refusal) {
	t.taken.refused, t.taken.answered = &refusal, true
	t.taken = nil
}
