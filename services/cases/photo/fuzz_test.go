package photo_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/cases/photo"
)

func FuzzAPhoto(f *testing.F) {
	tiny := image.NewRGBA(image.Rect(0, 0, 3, 2))
	tiny.Set(1, 1, color.RGBA{R: 200, A: 100})
	var asPNG, asJPEG bytes.Buffer
	require.NoError(f, png.Encode(&asPNG, tiny))
	require.NoError(f, jpeg.Encode(&asJPEG, tiny, nil))
	f.Add(asPNG.Bytes())
	f.Add(asJPEG.Bytes())
	f.Add([]byte("RIFF\x24\x00\x00\x00WEBPVP8L\x17\x00\x00\x00\x2f\x00\x00\x00\x00"))
	f.Add(append(asJPEG.Bytes()[:2:2], append([]byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00"), asJPEG.Bytes()[2:]...)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && config.Width*config.Height > 1<<20 {
			return // fine, and too slow to try thousands of them
		}
		cleaned, err := photo.Clean(data)
		if err != nil {
			require.True(t, errors.Is(err, photo.ErrFormat) || errors.Is(err, photo.ErrPixels), "%v", err)
			return
		}
		shown, kind, err := image.DecodeConfig(bytes.NewReader(cleaned.Data))
		require.NoError(t, err, "what is kept can be shown")
		require.Equal(t, cleaned.ContentType, "image/"+kind)
		require.Equal(t, [2]int{cleaned.Width, cleaned.Height}, [2]int{shown.Width, shown.Height})
		require.NotContains(t, string(cleaned.Data), "Exif")
	})
}
