package report_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/report"
)

func TestPartsOfOneMachineAreOneResult(t *testing.T) {
	a := report.Result{Command: "bench --only=posts", TookSeconds: 2, Houses: []report.House{{SetUp: report.Embedded}}, Posts: []report.Post{{}}}
	b := report.Result{Command: "bench --only=counts", TookSeconds: 3, Houses: []report.House{{SetUp: report.Embedded}, {SetUp: report.Split}}, Costs: []report.Cost{{}, {}}}
	joined, err := report.Join(a, b)
	require.NoError(t, err)
	require.Equal(t, "bench --only=posts\nbench --only=counts", joined.Command)
	require.InDelta(t, 5, joined.TookSeconds, 0)
	require.Len(t, joined.Houses, 2)
	require.Len(t, joined.Posts, 1)
	require.Len(t, joined.Costs, 2)

	b.Machine.CPUs = 64
	_, err = report.Join(a, b)
	require.Error(t, err)
}
