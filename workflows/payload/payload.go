// Package payload encrypts what Temporal keeps: inputs and results of workflows and activities, signals, updates, queries,
// memos, markers of local activities, heartbeats, the words of failures, and the summaries and details that the UI
// shows. Whoever reads the history without the keys sees types, names, times and ids of workflows, and no content.
//
//	keys, err := payload.ParseKeys(os.Getenv("PAYLOAD_KEYS"))
//	...
//	options.DataConverter, options.FailureConverter = payload.Converter(keys)
//
// Search attributes are never encrypted: the server has to compare them. Neither are the ids of workflows, the types of
// failures, and the names of workflows, activities and signals.
//
// Every payload names its key, so that keys can be rotated while cases are open: a new first key encrypts from then on,
// and what older keys encrypted stays readable for as long as they are in the list. A payload that is not encrypted is
// read as it is, so encryption can be switched on and off with cases in flight, and somebody with the plain Temporal CLI
// can still send an update.
//
// AES-GCM with random nonces is safe for 2^32 payloads of one key.
package payload

import (
	"fmt"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// What the metadata of an encrypted payload says. The names are those that Temporal's own examples use, which its tools
// know.
const (
	// Encoding is the value of converter.MetadataEncoding.
	Encoding = "binary/encrypted"
	// MetadataKeyID has the id of the key.
	MetadataKeyID = "encryption-key-id"
)

// UnreadableError is of a payload that cannot be decrypted.
type UnreadableError struct {
	// KeyID is what the payload names; empty if that is no id at all.
	KeyID string
	// Unknown tells that there is no key of this id. Else there is one, and it does not fit.
	Unknown bool
}

// Error says what to do. It repeats neither the payload nor a key.
func (e *UnreadableError) Error() string {
	switch {
	case e.KeyID == "":
		return "a payload is said to be encrypted and names no key; it was not written by this system"
	case e.Unknown:
		return fmt.Sprintf("a payload is encrypted with the key %q: add this key to %s, behind those that are there", e.KeyID, variable)
	default:
		return fmt.Sprintf("a payload cannot be decrypted with the key %q of %s: it was encrypted with another key of this id, or changed since",
			e.KeyID, variable)
	}
}

// Codec encrypts and decrypts single payloads. It is what the codec server offers to tools; programs use [Converter].
func Codec(keys Keys) converter.PayloadCodec { return codec{keys} }

type codec struct{ keys Keys }

// Encode encrypts each payload, metadata and all. What is encrypted already stays as it is.
func (c codec) Encode(payloads []*common.Payload) ([]*common.Payload, error) {
	if !c.keys.encrypt() {
		return payloads, nil
	}
	id := c.keys.first
	result := make([]*common.Payload, len(payloads))
	for i, p := range payloads {
		if encrypted(p) {
			result[i] = p
			continue
		}
		raw, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		result[i] = &common.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: []byte(id)},
			// The id is authenticated too: a payload cannot be passed off as one of another key.
			Data: c.keys.seals[id].Seal(nil, nil, raw, []byte(id)), //nolint:gosec // G407: this cipher makes a random nonce itself
		}
	}
	return result, nil
}

// Decode decrypts each payload that is encrypted and leaves the others. The error is an [*UnreadableError].
func (c codec) Decode(payloads []*common.Payload) ([]*common.Payload, error) {
	result := make([]*common.Payload, len(payloads))
	for i, p := range payloads {
		result[i] = p
		if !encrypted(p) {
			continue
		}
		opened, err := c.open(p)
		if err != nil {
			return nil, err
		}
		result[i] = opened
	}
	return result, nil
}

func (c codec) open(p *common.Payload) (*common.Payload, error) {
	id := string(p.GetMetadata()[MetadataKeyID])
	if !keyID.MatchString(id) {
		return nil, &UnreadableError{}
	}
	seal, known := c.keys.seals[id]
	if !known {
		return nil, &UnreadableError{KeyID: id, Unknown: true}
	}
	raw, err := seal.Open(nil, nil, p.GetData(), []byte(id))
	if err != nil {
		return nil, &UnreadableError{KeyID: id}
	}
	var opened common.Payload
	if err := proto.Unmarshal(raw, &opened); err != nil {
		return nil, &UnreadableError{KeyID: id}
	}
	return &opened, nil
}

func encrypted(p *common.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == Encoding
}
