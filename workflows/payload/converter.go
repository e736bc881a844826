package payload

import (
	"context"
	"errors"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// Converter returns what a client, and by it a worker, converts values and errors with. The message and the stack of an
// error are encrypted too; its type is not, because retry policies match on it. Without a key that encrypts, what is
// written is what the defaults of the SDK write.
//
// A workflow that meets a payload it has no key for does not go on: its task fails, with an [*UnreadableError] in the log
// and in the history, and is tried again until the key is there. An error would do harm instead: the SDK fails a case
// whose input it cannot read, drops a signal, and takes one failure for another. Clients and activities get the error,
// but for failures: these are read outside of any context, so that there it is a panic for everybody.
func Converter(keys Keys) (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), Codec(keys))
	return dataConverter{data}, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		// The SDK passes over what it cannot read in a failure.
		DataConverter:          insistent{data},
		EncodeCommonAttributes: keys.encrypt(),
	})
}

// dataConverter returns errors, and becomes insistent inside a workflow.
type dataConverter struct{ converter.DataConverter }

var _ converter.ContextAware = dataConverter{}

// WithWorkflowContext implements [converter.ContextAware].
func (d dataConverter) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter {
	return insistent(d)
}

// WithContext implements [converter.ContextAware].
func (d dataConverter) WithContext(context.Context) converter.DataConverter { return d }

// insistent panics at a payload that it has no key for, which is how the SDK is told to try the task again.
type insistent struct{ converter.DataConverter }

// FromPayload implements [converter.DataConverter].
func (d insistent) FromPayload(p *common.Payload, value any) error {
	return insist(d.DataConverter.FromPayload(p, value))
}

// FromPayloads implements [converter.DataConverter].
func (d insistent) FromPayloads(p *common.Payloads, values ...any) error {
	return insist(d.DataConverter.FromPayloads(p, values...))
}

func insist(err error) error {
	var unreadable *UnreadableError
	if errors.As(err, &unreadable) {
		panic(unreadable)
	}
	return err
}
