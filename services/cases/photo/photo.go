// Package photo makes an upload safe to keep and to show: it is decoded and encoded anew, so that
// nothing survives but pixels. Positions, names of cameras and people, and whatever was hidden beside
// or behind the image are gone.
package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/image/webp"
)

// MaxPixels is the largest area of a photo: 40 megapixels, which is more than phones take and at most
// 320 MB in memory.
const MaxPixels = 40_000_000

// Content types of what [Clean] returns.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
)

const jpegQuality = 90

var (
	// ErrFormat says that the bytes are not a JPEG, PNG or WebP image that can be decoded.
	ErrFormat = errors.New("not a JPEG, PNG or WebP image that can be read")
	// ErrPixels says that the image has more than [MaxPixels].
	ErrPixels = errors.New("more than 40 megapixels")
)

// Photo is an image without metadata.
type Photo struct {
	Data          []byte
	ContentType   string
	Width, Height int
}

type format struct {
	config func(data []byte) (image.Config, error)
	decode func(data []byte) (image.Image, error)
}

var formats = map[string]format{
	"image/jpeg": {
		func(data []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(data)) },
		func(data []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(data)) },
	},
	"image/png": {
		func(data []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(data)) },
		func(data []byte) (image.Image, error) { return png.Decode(bytes.NewReader(data)) },
	},
	"image/webp": {
		func(data []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(data)) },
		func(data []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(data)) },
	},
}

// Clean recognises the image by its content, turns it upright and encodes it anew: PNG as PNG, JPEG
// and WebP as JPEG. Errors are [ErrFormat] and [ErrPixels]. The area is checked before any pixel is
// decoded, so that a small file cannot unfold into a large image.
func Clean(data []byte) (Photo, error) {
	kind := mimetype.Detect(data).String()
	f, known := formats[kind]
	if !known {
		return Photo{}, ErrFormat
	}
	config, err := f.config(data)
	if err != nil {
		return Photo{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return Photo{}, ErrFormat
	}
	if int64(config.Width)*int64(config.Height) > MaxPixels {
		return Photo{}, ErrPixels
	}
	decoded, err := f.decode(data)
	if err != nil {
		return Photo{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if kind == "image/png" {
		return encode(decoded, PNG)
	}
	return encode(upright(opaque(decoded), orientation(data)), JPEG)
}

func encode(img image.Image, contentType string) (Photo, error) {
	var buffer bytes.Buffer
	var err error
	if contentType == PNG {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buffer, img)
	} else {
		err = jpeg.Encode(&buffer, img, &jpeg.Options{Quality: jpegQuality})
	}
	if err != nil {
		return Photo{}, fmt.Errorf("encode the photo: %w", err)
	}
	size := img.Bounds().Size()
	return Photo{Data: buffer.Bytes(), ContentType: contentType, Width: size.X, Height: size.Y}, nil
}

// opaque puts an image that is transparent in places on white, since JPEG has no transparency.
func opaque(img image.Image) image.Image {
	if o, is := img.(interface{ Opaque() bool }); is && o.Opaque() {
		return img
	}
	bounds := img.Bounds()
	flat := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, bounds.Min, draw.Over)
	return flat
}
