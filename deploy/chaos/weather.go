package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"aftercare.dev/deploy/audit"
)

// Spell is a while in which a system of the outside world is not well, for everybody.
type Spell struct {
	// At is when it begins, counted from the start.
	At, Lasts time.Duration
	// System is "mail", "insurer", or "shop", which is where a merchant is told by webhook.
	System string
	// Rule is what the sandbox is told; for a shop it is a mood of its receiver instead.
	Rule fault
	Mood mood
}

// spells are what befalls each system. A mail server that refuses for good is believed: such a message is given up.
var spells = map[string][]Spell{
	"mail": {
		{Rule: fault{System: "mail", Operation: "send", Effect: "lose_request", Times: -1}},
		{Rule: fault{System: "mail", Operation: "send", Effect: "lose_answer", Times: -1}},
		{Rule: fault{System: "mail", Operation: "send", Effect: "fail", Code: "451", Times: -1}},
		{Rule: fault{System: "mail", Operation: "send", Effect: "fail", Code: "554", Times: 3}},
		{Rule: fault{System: "mail", Operation: "send", Effect: "delay", MS: 1500, Times: -1}},
	},
	"insurer": {
		{Rule: fault{System: "insurer", Effect: "lose_request", Times: -1}},
		{Rule: fault{System: "insurer", Effect: "lose_answer", Times: -1}},
		{Rule: fault{System: "insurer", Effect: "fail", Status: 503, Times: -1}},
		{Rule: fault{System: "insurer", Effect: "fail", Code: "-1", Times: -1}},
		{Rule: fault{System: "insurer", Effect: "delay", MS: 1500, Times: -1}},
	},
	"shop": {{Mood: away}, {Mood: failing}, {Mood: busy}, {Mood: slow}},
}

// Weather is which systems of the outside world are not well, and when: the same for the same seed and length. Each has its
// first spell within seconds, and then one every half a minute or so, each kind before one comes again.
func Weather(seed uint64, length time.Duration) []Spell {
	var all []Spell
	for i, system := range []string{"mail", "insurer", "shop"} {
		random := rand.New(rand.NewPCG(seed, weather<<32+uint64(i)))
		var left []Spell
		for at := between(random, 0, 2*time.Second); at < length-calm; at += between(random, 20*time.Second, 50*time.Second) {
			if len(left) == 0 {
				left = slices.Clone(spells[system])
				random.Shuffle(len(left), func(a, b int) { left[a], left[b] = left[b], left[a] })
			}
			spell := left[0]
			left = left[1:]
			spell.At, spell.System = at, system
			spell.Lasts = min(between(random, 6*time.Second, 15*time.Second), length-at)
			all = append(all, spell)
		}
	}
	return all
}

// between takes a length of time by chance.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// storm has the spells come and go until ctx ends, and returns when the last is over.
func (r *runner) storm(ctx context.Context) {
	begun := time.Now()
	var going sync.WaitGroup
	for i, spell := range Weather(r.Seed, r.Length) {
		going.Go(func() {
			if !pass(ctx, time.Until(begun.Add(spell.At))) {
				return
			}
			felt, err := r.endure(ctx, fmt.Sprintf("spell-%d", i), spell)
			if err != nil {
				r.find(audit.Wrong, "sandbox", spell.System, err.Error())
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.report.Spells[spell.System]++
			r.report.Felt[spell.System] += felt
		})
	}
	going.Wait()
}

// endure lets one spell last, and returns how many requests felt it.
func (r *runner) endure(ctx context.Context, name string, spell Spell) (felt int, err error) {
	r.Log.Info("a spell begins", "system", spell.System, "effect", spell.Rule.Effect, "mood", spell.Mood, "lasts", spell.Lasts)
	if spell.System == "shop" {
		r.receiver.turn(spell.Mood)
		pass(ctx, spell.Lasts)
		return r.receiver.turn(well), nil
	}
	// It also ends when the customers have gone.
	ending := context.WithoutCancel(ctx)
	if err := r.outside.rule(ending, name, spell.Rule, nil); err != nil {
		return 0, err
	}
	pass(ctx, spell.Lasts)
	// The count is for the report. A sandbox that is being killed has forgotten it.
	felt, _ = r.outside.fired(ending, name)
	return felt, r.outside.forget(ending, name)
}

// pass waits, and is false if ctx ended meanwhile.
func pass(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
