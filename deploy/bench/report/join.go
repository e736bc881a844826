package report

import (
	"cmp"
	"errors"
	"slices"
)

// Join puts results of parts that ran one after the other on one machine together. It refuses what was measured elsewhere. The
// targets are to be judged again.
func Join(first Result, others ...Result) (Result, error) {
	for _, r := range others {
		if r.Machine != first.Machine {
			return first, errors.New("the results are of different machines, or of different versions of Go")
		}
		first.TookSeconds += r.TookSeconds
		first.Command += "\n" + r.Command
		first.Quick = first.Quick || r.Quick
		for _, h := range r.Houses {
			if !slices.ContainsFunc(first.Houses, func(known House) bool { return known.SetUp == h.SetUp }) {
				first.Houses = append(first.Houses, h)
			}
		}
		first.Comparisons = append(first.Comparisons, r.Comparisons...)
		first.Journeys = append(first.Journeys, r.Journeys...)
		first.Costs = append(first.Costs, r.Costs...)
		first.Posts = append(first.Posts, r.Posts...)
		first.Scale.Reads = append(first.Scale.Reads, r.Scale.Reads...)
		first.Scale.Waiting = append(first.Scale.Waiting, r.Scale.Waiting...)
		first.Scale.WorkersLimit = cmp.Or(first.Scale.WorkersLimit, r.Scale.WorkersLimit)
		first.Scale.Workers = append(first.Scale.Workers, r.Scale.Workers...)
	}
	first.Targets = nil
	return first, nil
}
