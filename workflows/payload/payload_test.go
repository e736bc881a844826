package payload_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"aftercare.dev/workflows/payload"
)

func payloadOf(t testing.TB, value any) *common.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	require.NoError(t, err)
	return p
}

func encode(t testing.TB, keys payload.Keys, plain ...*common.Payload) []*common.Payload {
	t.Helper()
	sealed, err := payload.Codec(keys).Encode(plain)
	require.NoError(t, err)
	require.Len(t, sealed, len(plain))
	return sealed
}

// anyPayload is what no converter of the house would make, too.
func anyPayload() *rapid.Generator[*common.Payload] {
	return rapid.Custom(func(t *rapid.T) *common.Payload {
		metadata := rapid.MapOfN(rapid.StringN(0, 12, 40), rapid.SliceOfN(rapid.Byte(), 0, 20), 0, 3).Draw(t, "metadata")
		p := &common.Payload{Metadata: metadata, Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")}
		if rapid.Bool().Draw(t, "external") {
			p.ExternalPayloads = []*common.Payload_ExternalPayloadDetails{{SizeBytes: rapid.Int64().Draw(t, "size")}}
		}
		return p
	})
}

// TestWhatAnyKeyOfTheListEncryptedIsReadWhole draws keys, rotations of them, and payloads.
func TestWhatAnyKeyOfTheListEncryptedIsReadWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		numbers := rapid.SliceOfNDistinct(rapid.ByteRange(1, 9), 1, 4, rapid.ID).Draw(r, "keys")
		plain := rapid.SliceOfN(anyPayload(), 0, 3).Draw(r, "payloads")
		before := make([]*common.Payload, len(plain))
		for i, p := range plain {
			before[i] = proto.Clone(p).(*common.Payload)
		}
		sealed := encode(t, keysOf(t, numbers...), plain...)
		rotated := rapid.Permutation(numbers).Draw(r, "rotated")
		opened, err := payload.Codec(keysOf(t, append([]byte{100}, rotated...)...)).Decode(sealed)
		require.NoError(t, err)
		require.Len(t, opened, len(plain))
		for i := range plain {
			require.True(t, proto.Equal(before[i], opened[i]), "got %v, want %v", opened[i], before[i])
			require.True(t, proto.Equal(before[i], plain[i]), "the argument is changed")
		}
	})
}

func TestWhatIsEncryptedSaysNothingButItsKey(t *testing.T) {
	secretive := payloadOf(t, map[string]string{"case_id": "case_01J"})
	secretive.Metadata["note"] = []byte("of the buyer")
	sealed := encode(t, keysOf(t, 2, 1), secretive, secretive)
	for _, p := range sealed {
		require.Equal(t, map[string][]byte{"encoding": []byte("binary/encrypted"), "encryption-key-id": []byte("k2")}, p.GetMetadata())
		raw, err := proto.Marshal(p)
		require.NoError(t, err)
		for _, word := range []string{"case", "json", "plain", "note", "buyer"} {
			require.False(t, bytes.Contains(raw, []byte(word)), "%q shows", word)
		}
	}
	require.NotEqual(t, sealed[0].GetData(), sealed[1].GetData(), "equal payloads can be told")
}

func TestWhatIsNotEncryptedIsReadAsItIs(t *testing.T) {
	plain := payloadOf(t, "from before, or from the plain CLI")
	sealed := encode(t, keysOf(t, 1), payloadOf(t, 42))[0]
	opened, err := payload.Codec(keysOf(t, 1)).Decode([]*common.Payload{plain, sealed, {}})
	require.NoError(t, err)
	require.Same(t, plain, opened[0])
	require.Equal(t, "42", string(opened[1].GetData()))
	require.True(t, proto.Equal(&common.Payload{}, opened[2]))
}

func TestNothingIsEncryptedTwice(t *testing.T) {
	sealed := encode(t, keysOf(t, 1), payloadOf(t, "x"))
	require.Equal(t, sealed, encode(t, keysOf(t, 2, 1), sealed...))
}

func TestWithoutAFirstKeyNothingIsEncrypted(t *testing.T) {
	given := payloadOf(t, "x")
	sealed := encode(t, keysOf(t, 1), given)
	for list, want := range map[string]string{
		"":                         `a payload is encrypted with the key "k1": add this key to PAYLOAD_KEYS, behind those that are there`,
		"  ":                       `a payload is encrypted with the key "k1": add this key to PAYLOAD_KEYS, behind those that are there`,
		"plain":                    `a payload is encrypted with the key "k1": add this key to PAYLOAD_KEYS, behind those that are there`,
		"plain,k1:" + secret(1):    "",
		" plain , k1:" + secret(1): "",
		"plain,k2:" + secret(2) + ",k1:" + secret(1): "",
	} {
		keys, err := payload.ParseKeys(list)
		require.NoError(t, err)
		require.Same(t, given, encode(t, keys, given)[0])
		opened, err := payload.Codec(keys).Decode(sealed)
		if want != "" {
			require.EqualError(t, err, want)
			continue
		}
		require.NoError(t, err)
		require.True(t, proto.Equal(given, opened[0]))
	}
}

func TestWhatCannotBeDecryptedSaysWhy(t *testing.T) {
	sealed := func(change func(*common.Payload)) *common.Payload {
		p := encode(t, keysOf(t, 1), payloadOf(t, "the text"))[0]
		change(p)
		return p
	}
	const changed = `a payload cannot be decrypted with the key "k1" of PAYLOAD_KEYS: it was encrypted with another key of this id, or changed since`
	const unknown = `a payload is encrypted with the key "k9": add this key to PAYLOAD_KEYS, behind those that are there`
	const nameless = "a payload is said to be encrypted and names no key; it was not written by this system"
	tests := map[string]struct {
		given *common.Payload
		want  string
	}{
		"an unknown key":        {encode(t, keysOf(t, 9), payloadOf(t, "x"))[0], unknown},
		"no id":                 {sealed(func(p *common.Payload) { delete(p.GetMetadata(), payload.MetadataKeyID) }), nameless},
		"what is no id":         {sealed(func(p *common.Payload) { p.GetMetadata()[payload.MetadataKeyID] = []byte("../../\n") }), nameless},
		"no content":            {sealed(func(p *common.Payload) { p.Data = nil }), changed},
		"half a nonce":          {sealed(func(p *common.Payload) { p.Data = p.GetData()[:6] }), changed},
		"less than was written": {sealed(func(p *common.Payload) { p.Data = p.GetData()[:len(p.GetData())-1] }), changed},
		"more than was written": {sealed(func(p *common.Payload) { p.Data = append(p.GetData(), 0) }), changed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			opened, err := payload.Codec(keysOf(t, 2, 1)).Decode([]*common.Payload{payloadOf(t, "y"), test.given})
			require.EqualError(t, err, test.want)
			require.Nil(t, opened)
			var unreadable *payload.UnreadableError
			require.ErrorAs(t, err, &unreadable)
		})
	}
}

func TestNoBitOfAnEncryptedPayloadCanBeChanged(t *testing.T) {
	keys := keysOf(t, 1)
	sealed := encode(t, keys, payloadOf(t, "a text"))[0]
	for i := range sealed.GetData() {
		changed := &common.Payload{Metadata: sealed.GetMetadata(), Data: slices.Clone(sealed.GetData())}
		changed.Data[i] ^= 1
		_, err := payload.Codec(keys).Decode([]*common.Payload{changed})
		require.Error(t, err, "byte %d", i)
	}
}

func TestAPayloadCannotBePassedOffAsOneOfAnotherID(t *testing.T) {
	old, err := payload.ParseKeys("old:" + secret(1))
	require.NoError(t, err)
	renamed, err := payload.ParseKeys("new:" + secret(1))
	require.NoError(t, err)
	sealed := encode(t, old, payloadOf(t, "x"))[0]
	sealed.Metadata[payload.MetadataKeyID] = []byte("new")
	_, err = payload.Codec(renamed).Decode([]*common.Payload{sealed})
	require.ErrorContains(t, err, `cannot be decrypted with the key "new"`)
}

// FuzzDecode feeds the decoder with what nobody wrote: it must not panic, and what it lets through must be what it got.
func FuzzDecode(f *testing.F) {
	keys := keysOf(f, 2, 1)
	good := encode(f, keys, payloadOf(f, "seed"))[0]
	f.Add(payload.Encoding, "k2", good.GetData())
	f.Add(payload.Encoding, "k1", good.GetData())
	f.Add(payload.Encoding, "k2", []byte{})
	f.Add(payload.Encoding, "", []byte("0123456789012345678901234567"))
	f.Add("json/plain", "k2", []byte(`"plain"`))
	f.Fuzz(func(t *testing.T, encoding, id string, data []byte) {
		given := &common.Payload{Data: data, Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encoding), payload.MetadataKeyID: []byte(id),
		}}
		opened, err := payload.Codec(keys).Decode([]*common.Payload{given})
		switch {
		case encoding != payload.Encoding:
			require.NoError(t, err)
			require.Same(t, given, opened[0])
		case err != nil:
			var unreadable *payload.UnreadableError
			require.ErrorAs(t, err, &unreadable)
			require.Nil(t, opened)
		default:
			require.Equal(t, "k2", id, "a payload is forged")
			require.True(t, proto.Equal(payloadOf(t, "seed"), opened[0]), "a payload is forged")
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	plain := []*common.Payload{payloadOf(b, map[string]string{"merchant_id": "m1", "case_id": "case_01JD8Q5Z3M4N5P6R7S8T9V0W1X", "text": string(make([]byte, 200))})}
	c := payload.Codec(keysOf(b, 1))
	b.SetBytes(int64(len(plain[0].GetData())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	keys := keysOf(b, 2, 1)
	sealed := encode(b, keysOf(b, 1), payloadOf(b, map[string]string{"merchant_id": "m1", "case_id": "case_01JD8Q5Z3M4N5P6R7S8T9V0W1X", "text": string(make([]byte, 200))}))
	c := payload.Codec(keys)
	b.SetBytes(int64(len(sealed[0].GetData())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
