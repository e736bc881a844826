// Package replay proves that workflows which were started by a released version go on with this one.
package replay_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/worker"

	"aftercare.dev/workflows/internal/quiet"
	"aftercare.dev/workflows/worker"
)

// histories has a folder for each release; testdata/replay/README.md says how they are recorded.
const histories = "../testdata/replay"

func TestWorkflowsOfEveryReleaseGoOnWithThisCode(t *testing.T) {
	releases, err := os.ReadDir(histories)
	require.NoError(t, err)
	for _, release := range releases {
		if !release.IsDir() {
			continue
		}
		t.Run(release.Name(), func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(histories, release.Name(), "*.json"))
			require.NoError(t, err)
			require.NotEmpty(t, files, "a release without histories proves nothing: record some or remove the folder")
			for _, file := range files {
				t.Run(filepath.Base(file), func(t *testing.T) {
					require.NoError(t, replay(file), "a workflow that is under way would get stuck (see testdata/replay/README.md)")
				})
			}
		})
	}
}

func replay(file string) error {
	replayer := sdk.NewWorkflowReplayer()
	worker.RegisterCases(replayer)
	worker.RegisterMoney(replayer)
	return replayer.ReplayWorkflowHistoryFromJSONFile(quiet.Log{}, file)
}
