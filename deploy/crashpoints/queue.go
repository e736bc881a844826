package crashpoints

import (
	"cmp"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
)

// target is a point of a process. Skip is how many passes it lets go by before it fires.
type target struct {
	process, point string
	skip           int
}

func (t target) String() string { return t.process + " " + t.point }

// queue holds the points that are still to be tried, in an order that the seed decides.
type queue struct {
	waiting map[string][]target // by process
	quota   map[string]int      // of a process in a round
	tries   map[string]int      // by name
}

// tries is how often a point is armed before it counts as unreached.
const tries = 3

// newQueue takes so many of the points, all if limit is 0. Which ones depends on the seed and on the names of the points:
// a point more changes little about the others.
// Of a point that cases pass often, chance says which pass it is.
func newQueue(passes map[target]int, seed uint64, limit, batch int) *queue {
	place := map[target]uint64{}
	for t, often := range passes {
		name := fnv.New64a()
		_, _ = name.Write([]byte(t.String()))
		random := rand.New(rand.NewPCG(seed, name.Sum64()))
		number := random.Uint64()
		// A process that dies elsewhere meanwhile may pass less often: the later passes are left alone.
		t.skip = random.IntN(max(1, often*2/3))
		place[t] = number
	}
	found := slices.SortedFunc(maps.Keys(place), func(a, b target) int { return cmp.Compare(place[a], place[b]) })
	if limit > 0 {
		found = found[:min(limit, len(found))]
	}
	q := &queue{waiting: map[string][]target{}, quota: map[string]int{}, tries: map[string]int{}}
	most := 0
	for _, t := range found {
		q.waiting[t.process] = append(q.waiting[t.process], t)
		most = max(most, len(q.waiting[t.process]))
	}
	// All processes are done at about the same time.
	rounds := max(1, (most+batch-1)/batch)
	for process, points := range q.waiting {
		q.quota[process] = (len(points) + rounds - 1) / rounds
	}
	return q
}

// next takes out the points of a round.
func (q *queue) next() []target {
	var round []target
	for _, process := range slices.Sorted(maps.Keys(q.waiting)) {
		n := min(q.quota[process], len(q.waiting[process]))
		round = append(round, q.waiting[process][:n]...)
		q.waiting[process] = q.waiting[process][n:]
	}
	return round
}

// putBack returns points that were not tried.
func (q *queue) putBack(points []target) {
	for _, t := range points {
		q.waiting[t.process] = append(q.waiting[t.process], t)
	}
}

// again queues points that nobody came to once more, to fire at their first pass, and returns those that were armed often
// enough.
func (q *queue) again(unmet []target) (unreached []target) {
	for _, t := range unmet {
		t.skip = 0
		if q.tries[t.String()]++; q.tries[t.String()] == tries {
			unreached = append(unreached, t)
			continue
		}
		q.putBack([]target{t})
	}
	return unreached
}

// left is how many points wait.
func (q *queue) left() int {
	n := 0
	for _, points := range q.waiting {
		n += len(points)
	}
	return n
}
