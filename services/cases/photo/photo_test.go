package photo

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// secret stands for a position that a camera wrote into a photo.
const secret = "GPS 31.2304N 121.4737E"

var (
	red  = color.RGBA{R: 255, A: 255}
	blue = color.RGBA{B: 255, A: 255}
)

// halves is 32 × 16 pixels, red on the left and blue on the right.
func halves() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 32, 16))
	for y := range 16 {
		for x := range 32 {
			img.Set(x, y, map[bool]color.RGBA{true: red, false: blue}[x < 16])
		}
	}
	return img
}

func jpegOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exif is a block with an orientation, and the secret behind it.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	mark := map[binary.AppendByteOrder]string{binary.BigEndian: "MM", binary.LittleEndian: "II"}[order]
	b := []byte("Exif\x00\x00" + mark)
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, secret...)
}

// planted puts an APP1 segment at the beginning and bytes behind the end.
func planted(plain, block []byte) []byte {
	out := append([]byte{}, plain[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(block)+2))
	out = append(out, block...)
	out = append(out, plain[2:]...)
	return append(out, "PK\x03\x04"+secret...)
}

func TestNothingButPixelsSurvives(t *testing.T) {
	chunk := func(kind, content string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
		b = append(b, kind+content...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(kind+content)))
	}
	plain := pngOf(t, halves())
	withText := append([]byte{}, plain[:33]...) // signature and IHDR
	withText = append(withText, chunk("tEXt", "Comment\x00"+secret)...)
	withText = append(withText, plain[33:]...)
	withText = append(withText, "<script>"+secret...)
	for name, upload := range map[string][]byte{
		"jpeg": planted(jpegOf(t, halves()), exif(binary.BigEndian, 1)),
		"png":  withText,
	} {
		if !bytes.Contains(upload, []byte(secret)) {
			t.Fatalf("%s: nothing was planted", name)
		}
		cleaned, err := Clean(upload)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, trace := range []string{secret, "Exif", "<script>", "PK\x03\x04", "tEXt"} {
			if bytes.Contains(cleaned.Data, []byte(trace)) {
				t.Errorf("%s still holds %q", name, trace)
			}
		}
		if cleaned.ContentType != "image/"+name || cleaned.Width != 32 || cleaned.Height != 16 {
			t.Errorf("%s became %s of %d × %d", name, cleaned.ContentType, cleaned.Width, cleaned.Height)
		}
	}
}

func TestAPhotoIsTurnedUpright(t *testing.T) {
	// Where the red half is after each orientation is applied.
	for orientation, redAt := range map[uint16]string{
		1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom",
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			cleaned, err := Clean(planted(jpegOf(t, halves()), exif(order, orientation)))
			if err != nil {
				t.Fatal(err)
			}
			img, err := jpeg.Decode(bytes.NewReader(cleaned.Data))
			if err != nil {
				t.Fatal(err)
			}
			size := img.Bounds().Size()
			if size.X != cleaned.Width || size.Y != cleaned.Height {
				t.Errorf("says %d × %d and is %v", cleaned.Width, cleaned.Height, size)
			}
			corner := map[string]image.Point{"left": {2, 8}, "right": {29, 8}, "top": {8, 2}, "bottom": {8, 29}}[redAt]
			if r, _, b, _ := img.At(corner.X, corner.Y).RGBA(); r < 0x8000 || b > 0x8000 {
				t.Errorf("orientation %d: %s is not red", orientation, redAt)
			}
		}
	}
}

func TestMirroringAndTurningAreToldApart(t *testing.T) {
	// A single pixel at the top left of a 3 × 2 image; Exif 2.32 says where it belongs.
	img := image.NewRGBA(image.Rect(0, 0, 3, 2))
	img.Set(0, 0, red)
	for orientation, want := range map[int]image.Point{
		1: {0, 0}, 2: {2, 0}, 3: {2, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 2}, 8: {0, 2},
	} {
		if got := upright(img, orientation).At(want.X, want.Y); got != red {
			t.Errorf("orientation %d: %v at %v", orientation, got, want)
		}
	}
}

// webpPixel is a lossless WebP of one pixel.
const webpPixel = "UklGRh4AAABXRUJQVlA4TBEAAAAvAAAAAAfQ//73v/+BiOh/AAA="

func TestWebPBecomesJPEG(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(webpPixel)
	if err != nil {
		t.Fatal(err)
	}
	cleaned, err := Clean(data)
	if err != nil || cleaned.ContentType != JPEG || cleaned.Width != 1 {
		t.Errorf("%+v, %v", cleaned, err)
	}
}

func TestWhatIsNoPhotoIsRefusedWhateverItIsCalled(t *testing.T) {
	whole := jpegOf(t, halves())
	for name, upload := range map[string][]byte{
		"nothing":         nil,
		"a page":          []byte("<!DOCTYPE html><script>alert(1)</script>"),
		"a drawing":       []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"an animation":    []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
		"half a photo":    whole[:len(whole)/2],
		"a head of one":   whole[:20],
		"a torn RIFF":     []byte("RIFF\xff\xff\xff\xffWEBPVP8 "),
		"exif and no end": planted(whole, exif(binary.BigEndian, 9))[:60],
	} {
		if _, err := Clean(upload); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyPixelsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	// A head alone: the pixels are not even there.
	head := pngOf(t, halves())[:33]
	binary.BigEndian.PutUint32(head[16:], 8000)
	binary.BigEndian.PutUint32(head[20:], 5001)
	binary.BigEndian.PutUint32(head[29:], crc32.ChecksumIEEE(head[12:29]))
	if _, err := Clean(head); !errors.Is(err, ErrPixels) {
		t.Errorf("got %v", err)
	}
}

func FuzzCleanNeverPanics(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPEXIF\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\x08\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		orientation(data)
		if len(data) < 1<<16 {
			_, _ = Clean(data)
		}
	})
}
