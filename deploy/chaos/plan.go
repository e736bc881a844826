package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Kill is one blow of a plan.
type Kill struct {
	// At is when, counted from the start.
	At time.Duration
	// Victims are killed together, by the names of their processes; "mysql" is the database server.
	Victims []string
	// Down is how long they stay away, and Again tells that they are killed once more as they come up.
	Down  time.Duration
	Again bool
}

// mysql is how a plan names the database server, and temporal is the process of that name.
const (
	mysql    = "mysql"
	temporal = "temporal"
)

// Plan is when which processes are killed: the same for the same seed, length and names. A blow falls every 15 to 25
// seconds; one in four hits two processes, one in six falls again while its victims come up. Everybody's turn comes
// before anybody's second one; that of the database server and Temporal comes early.
func Plan(seed uint64, length time.Duration, names []string) []Kill {
	random := rand.New(rand.NewPCG(seed, kills))
	turns := &bag{random: random, all: append([]string{mysql}, names...)}
	var plan []Kill
	for at := first; at <= length-calm; at += shortest + time.Duration(random.Int64N(int64(spread))) {
		blow := Kill{At: at, Victims: []string{turns.take()}, Down: time.Duration(random.Int64N(int64(longestDown))), Again: random.IntN(6) == 0}
		if random.IntN(4) == 0 {
			if other := turns.take(); other != blow.Victims[0] {
				blow.Victims = append(blow.Victims, other)
			}
		}
		plan = append(plan, blow)
	}
	return plan
}

// bag gives out names by chance, each once before one comes again.
type bag struct {
	random *rand.Rand
	all    []string
	left   []string
}

func (b *bag) take() string {
	if len(b.left) == 0 {
		late := map[string]float64{}
		for _, name := range b.all {
			late[name] = b.random.Float64()
			if name == mysql || name == temporal {
				late[name] /= 6
			}
		}
		b.left = slices.SortedFunc(slices.Values(b.all), func(x, y string) int { return cmp.Compare(late[x], late[y]) })
	}
	next := b.left[0]
	b.left = b.left[1:]
	return next
}

const (
	// first is when the first blow falls, and calm how long before the end the last one does at least.
	first = 5 * time.Second
	calm  = 5 * time.Second
	// shortest and spread say how long it is from one blow to the next.
	shortest, spread = 15 * time.Second, 10 * time.Second
	longestDown      = 4 * time.Second
)

// What each stream of chance is for: none changes when another is drawn from more often.
const (
	kills uint64 = iota + 1
	customers
	weather
)
