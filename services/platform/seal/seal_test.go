package seal_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/seal"
)

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func sealer(t testing.TB, keys string, sealing bool) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.Config{Keys: config.Secret(keys), IndexKey: config.Secret(key(9)), Seal: sealing})
	require.NoError(t, err)
	return s
}

var place = seal.In("order_contacts", "contact", "m1", "o1")

func TestASealedValueOpensAndShowsNothing(t *testing.T) {
	s := sealer(t, "k1:"+key(1), true)
	for _, text := range []string{"张三", "sealed:1:k1:AAAA", strings.Repeat("长", 10_000)} {
		written, err := s.Seal(place, text)
		require.NoError(t, err)
		require.NotContains(t, written, text)
		again, err := s.Seal(place, text)
		require.NoError(t, err)
		require.NotEqual(t, written, again, "equal values are not seen to be equal")
		opened, err := s.Open(place, written)
		require.NoError(t, err)
		require.Equal(t, text, opened)
	}
}

func TestASealedValueOpensOnlyWhereItBelongs(t *testing.T) {
	s := sealer(t, "k1:"+key(1), true)
	written, err := s.Seal(place, "张三")
	require.NoError(t, err)
	for name, elsewhere := range map[string]seal.Place{
		"another row":      seal.In("order_contacts", "contact", "m1", "o2"),
		"another merchant": seal.In("order_contacts", "contact", "m2", "o1"),
		"another column":   seal.In("order_contacts", "phone", "m1", "o1"),
		"another table":    seal.In("contacts", "contact", "m1", "o1"),
		"a key cut anew":   seal.In("order_contacts", "contact", "m1o1"),
		"a key cut before": seal.In("order_contacts", "contact", "m", "1o1"),
	} {
		_, err := s.Open(elsewhere, written)
		require.ErrorIs(t, err, seal.ErrDamaged, name)
		require.NotContains(t, err.Error(), "o1", "an error names no row")
	}
	_, err = s.Open(place, written[:len(written)-6]+"AAAAAA")
	require.ErrorIs(t, err, seal.ErrDamaged)
	_, err = s.Open(place, "sealed:1:k1:AA")
	require.ErrorIs(t, err, seal.ErrDamaged)
}

func TestKeysAreChangedWithoutLosingWhatTheOldOneSealed(t *testing.T) {
	before := sealer(t, "k1:"+key(1), true)
	written, err := before.Seal(place, "张三")
	require.NoError(t, err)
	during := sealer(t, "k2:"+key(2)+", k1:"+key(1), true)
	opened, err := during.Open(place, written)
	require.NoError(t, err)
	require.Equal(t, "张三", opened)
	anew, err := during.Seal(place, opened)
	require.NoError(t, err)
	after := sealer(t, "k2:"+key(2), true)
	opened, err = after.Open(place, anew)
	require.NoError(t, err)
	require.Equal(t, "张三", opened)
	_, err = after.Open(place, written)
	require.ErrorIs(t, err, seal.ErrNoKey)
	_, err = (*seal.Sealer)(nil).Open(place, written)
	require.ErrorIs(t, err, seal.ErrNoKey)
}

func TestWhatWasWrittenBeforeThereWereKeysStaysReadable(t *testing.T) {
	for name, s := range map[string]*seal.Sealer{
		"sealing": sealer(t, "k1:"+key(1), true), "not sealing": sealer(t, "k1:"+key(1), false), "without keys": nil,
	} {
		opened, err := s.Open(place, "a name")
		require.NoError(t, err, name)
		require.Equal(t, "a name", opened, name)
	}
}

func TestWithSealingOffWritesArePlainAndSealedValuesOpen(t *testing.T) {
	on, off := sealer(t, "k1:"+key(1), true), sealer(t, "k1:"+key(1), false)
	sealed, err := on.Seal(place, "张三")
	require.NoError(t, err)
	opened, err := off.Open(place, sealed)
	require.NoError(t, err)
	require.Equal(t, "张三", opened)
	plain, err := off.Seal(place, "张三")
	require.NoError(t, err)
	require.Equal(t, "张三", plain)
	require.False(t, off.Sealing())
}

func TestATextThatLooksSealedIsKeptAsItIs(t *testing.T) {
	for _, text := range []string{"sealed:1:k1:AAAA", "sealed:0:x", "sealed:"} {
		written, err := (*seal.Sealer)(nil).Seal(place, text)
		require.NoError(t, err)
		opened, err := sealer(t, "k1:"+key(1), true).Open(place, written)
		require.NoError(t, err)
		require.Equal(t, text, opened)
	}
}

func TestAPhoneIsFoundHoweverItIsWrittenAndOnlyAtItsMerchant(t *testing.T) {
	s := sealer(t, "k1:"+key(1), true)
	index := s.PhoneIndex("m1", "13800138000")
	require.NotContains(t, index, "13800138000")
	require.LessOrEqual(t, len(index), 43)
	for _, written := range []string{"138 0013 8000", "+86 138-0013-8000", "008613800138000", "8613800138000"} {
		require.Equal(t, index, s.PhoneIndex("m1", written), written)
	}
	require.NotEqual(t, index, s.PhoneIndex("m2", "13800138000"))
	require.NotEqual(t, index, s.PhoneIndex("m1", "13800138001"))
	require.Equal(t, s.PhoneIndex("m1", ""), s.PhoneIndex("m1", "none"), "rows without a number share a mark")
	require.Empty(t, (*seal.Sealer)(nil).PhoneIndex("m1", "13800138000"))
	other, err := seal.New(seal.Config{Keys: config.Secret("k1:" + key(1)), IndexKey: config.Secret(key(8)), Seal: true})
	require.NoError(t, err)
	require.NotEqual(t, index, other.PhoneIndex("m1", "13800138000"))
}

func TestAWrongKeyStopsTheProcessAndIsNotRepeated(t *testing.T) {
	for name, cfg := range map[string]seal.Config{
		"no id":         {Keys: config.Secret(key(1))},
		"a short key":   {Keys: "k1:c2hvcnQ="},
		"an id twice":   {Keys: config.Secret("k1:" + key(1) + ",k1:" + key(2))},
		"a strange id":  {Keys: config.Secret("K_1:" + key(1))},
		"a short index": {IndexKey: "c2hvcnQ="},
	} {
		_, err := seal.New(cfg)
		var fault *config.Error
		require.ErrorAs(t, err, &fault, name)
		require.True(t, strings.HasPrefix(fault.Sentence, fault.Variable), name)
		for _, secret := range []string{key(1), "c2hvcnQ="} {
			require.NotContains(t, err.Error(), secret, name)
		}
	}
	none, err := seal.New(seal.Config{Seal: true})
	require.NoError(t, err)
	require.False(t, none.Sealing())
}

func TestMasksShowNoMoreThanTheySay(t *testing.T) {
	require.Equal(t, "张*", seal.Name("张三丰"))
	require.Equal(t, "J*", seal.Name("Jane Doe"))
	require.Equal(t, "138****8000", seal.Phone("13800138000"))
	require.Equal(t, "****21", seal.Phone("54321"))
	require.Equal(t, "****", seal.Phone("110"))
	require.Equal(t, "z***@example.com", seal.Email("zhang@example.com"))
	require.Equal(t, "***", seal.Email("zhang"))
	require.Equal(t, "快递员 李, 电话 138****8000, 单号 7012345678901", seal.Text("快递员 李, 电话 13800138000, 单号 7012345678901"))
	for _, mask := range []func(string) string{seal.Name, seal.Phone, seal.Email, seal.Hidden} {
		require.Empty(t, mask(""))
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("sealed:1:k1:AAAA")
	f.Add("sealed:0:!")
	f.Add("plain")
	f.Fuzz(func(t *testing.T, written string) {
		s := sealer(t, "k1:"+key(1), true)
		opened, err := s.Open(place, written)
		if err == nil && !strings.HasPrefix(written, "sealed:") && opened != written {
			t.Fatal("plain text was changed")
		}
		sealed, err := s.Seal(place, written)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := s.Open(place, sealed); err != nil || opened != written {
			t.Fatalf("sealed and opened, %q is %q: %v", written, opened, err)
		}
	})
}
