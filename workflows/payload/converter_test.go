package payload_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"aftercare.dev/workflows/payload"
)

type input struct {
	MerchantID string `json:"merchant_id"`
	Quantity   int    `json:"quantity"`
}

func TestValuesGoThroughEncrypted(t *testing.T) {
	data, _ := payload.Converter(keysOf(t, 1))
	sealed, err := data.ToPayloads(input{"m1", 3}, "second", nil)
	require.NoError(t, err)
	raw, err := proto.Marshal(sealed)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "m1")
	var (
		first  input
		second string
		third  *input
	)
	require.NoError(t, data.FromPayloads(sealed, &first, &second, &third))
	require.Equal(t, input{"m1", 3}, first)
	require.Equal(t, "second", second)
	require.Nil(t, third)
}

func TestWithoutKeysWhatIsWrittenIsWhatTheSDKWrites(t *testing.T) {
	data, failures := payload.Converter(payload.Keys{})
	written, err := data.ToPayloads(input{"m1", 3})
	require.NoError(t, err)
	usual, err := converter.GetDefaultDataConverter().ToPayloads(input{"m1", 3})
	require.NoError(t, err)
	require.True(t, proto.Equal(usual, written))
	failed := temporal.NewApplicationError("the message", "unavailable", input{"m1", 3})
	require.True(t, proto.Equal(temporal.GetDefaultFailureConverter().ErrorToFailure(failed), failures.ErrorToFailure(failed)))
}

func TestTheWordsOfAFailureAreEncryptedAndItsTypeIsNot(t *testing.T) {
	_, failures := payload.Converter(keysOf(t, 1))
	cause := errors.New("order o-77 is unknown")
	failed := temporal.NewNonRetryableApplicationError("the case case_1 cannot be judged", "unavailable", cause, input{"m1", 3})
	failure := failures.ErrorToFailure(failed)
	raw, err := proto.Marshal(failure)
	require.NoError(t, err)
	for _, word := range []string{"case_1", "judged", "o-77", "m1", "quantity"} {
		require.NotContains(t, string(raw), word)
	}
	require.Contains(t, string(raw), "unavailable")

	var again *temporal.ApplicationError
	require.ErrorAs(t, failures.FailureToError(failure), &again)
	require.Equal(t, "unavailable", again.Type())
	require.Contains(t, again.Error(), "the case case_1 cannot be judged")
	require.Contains(t, errors.Unwrap(again).Error(), "o-77")
	var details input
	require.NoError(t, again.Details(&details))
	require.Equal(t, input{"m1", 3}, details)
}

// inWorkflow is the converter as workflow code has it.
func inWorkflow(t *testing.T, data converter.DataConverter) converter.DataConverter {
	t.Helper()
	aware, ok := data.(converter.ContextAware)
	require.True(t, ok)
	return aware.WithWorkflowContext(nil)
}

// TestAWorkflowWaitsForAKeyThatIsMissing: the task of a workflow that panics is tried again. An error would end the case or
// lose a signal.
func TestAWorkflowWaitsForAKeyThatIsMissing(t *testing.T) {
	for name, keys := range map[string]payload.Keys{"other keys": keysOf(t, 2), "no keys": {}} {
		t.Run(name, func(t *testing.T) { waitsWith(t, keys) })
	}
}

func waitsWith(t *testing.T, keys payload.Keys) {
	t.Helper()
	sealed := encode(t, keysOf(t, 1), payloadOf(t, "x"))
	data, failures := payload.Converter(keys)
	var text string

	var unreadable *payload.UnreadableError
	require.ErrorAs(t, data.FromPayload(sealed[0], &text), &unreadable)
	require.ErrorAs(t, data.FromPayloads(&common.Payloads{Payloads: sealed}, &text), &unreadable)

	const sentence = `a payload is encrypted with the key "k1": add this key to PAYLOAD_KEYS, behind those that are there`
	flow := inWorkflow(t, data)
	require.PanicsWithError(t, sentence, func() { _ = flow.FromPayload(sealed[0], &text) })
	require.PanicsWithError(t, sentence, func() { _ = flow.FromPayloads(&common.Payloads{Payloads: sealed}, &text) })

	_, older := payload.Converter(keysOf(t, 1))
	failure := older.ErrorToFailure(temporal.NewApplicationError("m", "unavailable"))
	require.PanicsWithError(t, sentence, func() { _ = failures.FailureToError(failure) })
}

func TestAValueOfAnotherShapeIsAnErrorInAWorkflowToo(t *testing.T) {
	data, _ := payload.Converter(keysOf(t, 1))
	sealed, err := data.ToPayload("a text")
	require.NoError(t, err)
	var number int
	require.Error(t, inWorkflow(t, data).FromPayload(sealed, &number))
}
