package photo

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
)

// orientation reads how a JPEG or WebP image lies, 1 to 8 as Exif 2.32 (section 4.6.4) numbers it; 1 is
// upright and the answer for whatever cannot be read.
func orientation(data []byte) int {
	var tiff []byte
	if bytes.HasPrefix(data, []byte("RIFF")) {
		tiff = webpExif(data)
	} else {
		tiff = jpegExif(data)
	}
	return tiffOrientation(tiff)
}

var exifHeader = []byte("Exif\x00\x00")

// jpegExif finds the Exif block among the segments before the image itself.
func jpegExif(data []byte) []byte {
	const app1, startOfScan = 0xe1, 0xda
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, length := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		end := at + 2 + length
		if length < 2 || end > len(data) || marker == startOfScan {
			return nil
		}
		if body := data[at+4 : end]; marker == app1 && bytes.HasPrefix(body, exifHeader) {
			return body[len(exifHeader):]
		}
		at = end
	}
	return nil
}

// webpExif finds the chunk EXIF of a RIFF container.
func webpExif(data []byte) []byte {
	for at := 12; at+8 <= len(data); {
		length := int64(binary.LittleEndian.Uint32(data[at+4:]))
		end := int64(at) + 8 + length
		if end > int64(len(data)) {
			return nil
		}
		if string(data[at:at+4]) == "EXIF" {
			return bytes.TrimPrefix(data[at+8:end], exifHeader)
		}
		at = int(end + length%2)
	}
	return nil
}

// tiffOrientation reads tag 0x0112 of the first directory.
func tiffOrientation(tiff []byte) int {
	const upright, tagOrientation, entrySize = 1, 0x0112, 12
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	entries := int64(order.Uint16(tiff[at:]))
	for i := range entries {
		entry := at + 2 + i*entrySize
		if entry+entrySize > int64(len(tiff)) {
			return upright
		}
		if order.Uint16(tiff[entry:]) != tagOrientation {
			continue
		}
		if value := int(order.Uint16(tiff[entry+8:])); value >= 1 && value <= 8 {
			return value
		}
		return upright
	}
	return upright
}

// upright turns and mirrors the image so that it needs no orientation any more.
func upright(img image.Image, orientation int) image.Image {
	if orientation <= 1 {
		return img
	}
	bounds := img.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	width, height := w, h
	if orientation >= 5 {
		width, height = h, w
	}
	turned := image.NewRGBA(image.Rect(0, 0, width, height))
	pixel := reader(img)
	for y := range height {
		for x := range width {
			fromX, fromY := from(orientation, x, y, w, h)
			turned.SetRGBA(x, y, pixel(bounds.Min.X+fromX, bounds.Min.Y+fromY))
		}
	}
	return turned
}

// reader returns how to read a pixel: for photos of cameras without a copy of the image in memory.
func reader(img image.Image) func(x, y int) color.RGBA {
	if ycbcr, is := img.(*image.YCbCr); is {
		return func(x, y int) color.RGBA {
			c := ycbcr.YCbCrAt(x, y)
			r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			return color.RGBA{R: r, G: g, B: b, A: 255}
		}
	}
	return func(x, y int) color.RGBA {
		return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) //nolint:forcetypeassert // the model's own type
	}
}

// from tells which pixel of a w × h source belongs at x, y of the upright image.
func from(orientation, x, y, w, h int) (int, int) {
	switch orientation {
	case 2: // mirrored
		return w - 1 - x, y
	case 3: // upside down
		return w - 1 - x, h - 1 - y
	case 4: // mirrored, upside down
		return x, h - 1 - y
	case 5: // mirrored, turned
		return y, x
	case 6: // turned left
		return y, h - 1 - x
	case 7: // mirrored, turned
		return w - 1 - y, h - 1 - x
	default: // 8, turned right
		return w - 1 - y, x
	}
}
