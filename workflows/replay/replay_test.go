// Package replay proves that workflows which were started by a released version go on with this one.
package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/worker"

	"aftercare.dev/workflows/contract"
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

// TestACaseThatAnOlderWorkerBeganGoesOnWithWhatANewerGatewayGave: in an upgrade the gateway may be ahead. Older workers ask for
// the judgement that is in the input already, and what they do then is in the history.
func TestACaseThatAnOlderWorkerBeganGoesOnWithWhatANewerGatewayGave(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(histories, "v0.1.0", "return-*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			reader, err := os.Open(file)
			require.NoError(t, err)
			history, err := client.HistoryFromJSON(reader, client.HistoryJSONOptions{})
			require.NoError(t, errors.Join(err, reader.Close()))
			given := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput()
			var in contract.ReturnInput
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(given, &in))
			require.NotEmpty(t, in.CaseID)
			in.Judgement = &contract.Judgement{Decision: "reject", Currency: "CNY", Clocks: contract.Clocks{Ship: 1}}
			changed, err := converter.GetDefaultDataConverter().ToPayloads(in)
			require.NoError(t, err)
			given.Payloads = changed.GetPayloads()
			require.NoError(t, replayer().ReplayWorkflowHistory(quiet.Log{}, history), "what the history says counts, not what came with the start")
		})
	}
}

func replay(file string) error {
	return replayer().ReplayWorkflowHistoryFromJSONFile(quiet.Log{}, file)
}

func replayer() sdk.WorkflowReplayer {
	replayer := sdk.NewWorkflowReplayer()
	worker.RegisterCases(replayer)
	worker.RegisterMoney(replayer)
	return replayer
}
