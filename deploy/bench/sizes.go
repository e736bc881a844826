package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

// databases are those of a house, by the name of who has them.
type databases struct {
	// files are those of SQLite.
	files map[string]string
	// server is the DSN of a server of the MySQL family, without a database, and schemas are those that it has.
	server  string
	schemas map[string]string
}

// sizes are how large they are, in bytes.
func (d databases) sizes(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for name, path := range d.files {
		size, err := sqliteSize(path)
		if err != nil {
			return nil, fmt.Errorf("the size of %s: %w", path, err)
		}
		sizes[name] = size
	}
	for name, schema := range d.schemas {
		size, err := d.schemaSize(ctx, schema)
		if err != nil {
			return nil, fmt.Errorf("the size of the database %s: %w", schema, err)
		}
		sizes[name] = size
	}
	return sizes, nil
}

// schemaSize is what tables and indexes of a database have of the file. The server counts anew when it is asked to look.
func (d databases) schemaSize(ctx context.Context, schema string) (size int64, err error) {
	db, err := database.Open(ctx, database.Config{Driver: database.MySQL, DSN: config.Secret(d.server + schema), MaxOpen: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, database.Close(db)) }()
	var tables []string
	if err := db.WithContext(ctx).Raw("SHOW TABLES").Scan(&tables).Error; err != nil {
		return 0, err
	}
	for _, table := range tables {
		if _, err := db.ConnPool.ExecContext(ctx, "ANALYZE TABLE `"+table+"`"); err != nil {
			return 0, err
		}
	}
	const query = "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) FROM information_schema.tables WHERE table_schema = ?"
	err = db.WithContext(ctx).Raw(query, schema).Scan(&size).Error
	return size, err
}

// version is name and version of the databases. A file for it is made in a folder.
func (d databases) version(ctx context.Context, dir string) (string, error) {
	lite, err := versionOf(ctx, database.SQLite, filepath.Join(dir, "version.db"), "SELECT sqlite_version()")
	if err != nil || d.server == "" {
		return "SQLite " + lite, err
	}
	server, err := versionOf(ctx, database.MySQL, d.server+d.schemas["cases"], "SELECT VERSION()")
	return fmt.Sprintf("%s (services), SQLite %s (Temporal)", server, lite), err
}

func versionOf(ctx context.Context, driver, dsn, query string) (version string, err error) {
	db, err := database.Open(ctx, database.Config{Driver: driver, DSN: config.Secret(dsn), MaxOpen: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	err = db.WithContext(ctx).Raw(query).Scan(&version).Error
	return version, errors.Join(err, database.Close(db))
}

// Where things are in the files of SQLite, see https://www.sqlite.org/fileformat2.html.
const (
	pageSizeAt, pagesAt   = 16, 28 // in the header of the database
	headerSize            = 32
	saltAt, frameSaltAt   = 16, 8 // in the header of the log, and of a frame in it
	frameSize, frameTotal = 24, 4 // a frame's header, and where it says how many pages there are after the commit
	saltSize              = 8
)

// sqliteSize is how large a database was after its last commit, in bytes. It is read from the files, because a server may
// have locked the database for itself, and what was committed last may be in the write-ahead log yet.
func sqliteSize(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it is only read
	var header [headerSize]byte
	if _, err := io.ReadFull(file, header[:]); err != nil {
		return 0, err
	}
	pageSize := int64(binary.BigEndian.Uint16(header[pageSizeAt:]))
	if pageSize == 1 {
		pageSize = 1 << 16
	}
	pages := int64(binary.BigEndian.Uint32(header[pagesAt:]))
	logged, err := loggedPages(path+"-wal", pageSize)
	if logged > 0 {
		pages = logged
	}
	return pages * pageSize, err
}

// loggedPages is how many pages the last commit in a write-ahead log left, or 0 if there is none.
func loggedPages(path string, pageSize int64) (pages int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it is only read
	var header [headerSize]byte
	if _, err := io.ReadFull(file, header[:]); err != nil {
		return 0, unlessShort(err)
	}
	salt := string(header[saltAt : saltAt+saltSize])
	for at := int64(headerSize); ; at += frameSize + pageSize {
		var frame [frameSize]byte
		if _, err := file.ReadAt(frame[:], at); err != nil {
			return pages, unlessShort(err)
		}
		if string(frame[frameSaltAt:frameSaltAt+saltSize]) != salt {
			return pages, nil // of before the log began anew
		}
		if after := binary.BigEndian.Uint32(frame[frameTotal:]); after > 0 {
			pages = int64(after)
		}
	}
}

// unlessShort is the error unless it says that a file ends.
func unlessShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
