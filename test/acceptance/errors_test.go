package acceptance

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"granary/test/harness"
)

// refusal is one error that specification section 3 quotes. A text that ends
// in … is a beginning: there the original says no more, and Granary says why.
type refusal struct {
	path string
	body any
	text string
}

// quotedErrors returns every one of them. v is a user with a verified and an
// unverified inference, other somebody with a folder and a picture.
func quotedErrors(t *testing.T, w *world) []refusal {
	t.Helper()
	v, other := w.user(t), w.user(t)
	none, noUser := uuid.NewString(), uuid.NewString()
	folder := v.create(t, "taken")
	general := v.folder(t, "General").ID
	foreign := other.create(t, "foreign")
	open, done, theirs := v.classify(t, "General"), v.classify(t, "General"), other.classify(t, foreign)
	rebuilt(t, v.positive(t, done.ID, ids(done)...))
	rebuilt(t, v.positive(t, open.ID, open.Boxes[0].ID))
	image := harness.DataURL("image/png", w.drawer.PNG(t))
	inf := func(change func(fields)) fields {
		body := v.request("General", swin, image)
		change(body)
		return body
	}
	without := func(key string) fields { return inf(func(f fields) { delete(f, key) }) }
	box := func(b box, change func(fields)) fields {
		entry := b.judged("", "Solanum nigrum")
		change(entry)
		return entry
	}
	judge := func(user, inference string, boxes ...any) fields {
		return fields{"userId": user, "inferenceId": inference, "boxes": boxes}
	}
	user := func(key string, value any) fields { return fields{"container_name": v.id, key: value} }
	batch := func(pictures any) fields { return user("nb_pictures", pictures) }
	upload := func(change func(fields)) fields {
		body := v.upload(none, []byte("x"))
		change(body)
		return body
	}
	asIs := func(fields) {}

	const (
		directories = "retrieving user directories : "
		creating    = "API Error creating directory : "
		deleting    = " deleting directory : "
		asking      = " requesting deletion of directory : "
		picture     = " retrieving the picture : "
		classifying = " during classification : "
		positive    = " giving a positive feedback : "
		negative    = " giving a negative feedback : "
		starting    = " initiating batch upload : "
		uploading   = " uploading picture : "

		noName         = "missing container or directory name"
		incomplete     = "missing request arguments: either folder_name, container_name, imageDims or image is missing"
		noFeedback     = "missing request arguments: either userId, inferenceId or boxes is missing"
		badBox         = "missing request arguments: either boxId, label, box or classId is missing in boxes"
		batchMissing   = "missing request arguments: either container_name or nb_pictures is missing"
		batchWrong     = "wrong request arguments: either container_name or nb_pictures is wrong"
		uploadMissing  = "missing request arguments: either seed_name, session_id, container_name or image is missing"
		unhandledInf   = "Unhandled API error : Error during classification…"
		notOwnPicture  = "User can't access this picture, user uuid :"
		noUserPrefix   = "User not found based on the given id: "
		noSetPrefix    = "Picture set not found based on the given id: "
		defaultRefused = "User can't delete the default picture set, user uuid :"
	)
	list := []refusal{
		{"/get-user-id", fields{"email": "nobody@x"}, "Datastore Error retrieving user id for email nobody@x : User not found"},
		{"/get-user-id", "[", "Unhandled API error : Error retrieving user id for email None…"},

		{"/get-directories", fields{}, "API Error " + directories + "Missing container name"},
		{"/get-directories", fields{"container_name": ""}, "API Error " + directories + "Missing container name"},
		{"/get-directories", fields{"container_name": noUser}, "Datastore Error " + directories + noUserPrefix + noUser},
		{"/dir", fields{}, "API Error " + directories + "Missing container name"},
		{"/dir", fields{"container_name": noUser}, "Datastore Error " + directories + noUserPrefix + noUser},

		{"/create-dir", user("folder_name", ""), creating + noName},
		{"/create-dir", fields{"folder_name": "x"}, creating + noName},
		{"/create-dir", user("folder_name", "taken"), "Datastore Error creating directory : Folder already exists"},
		{"/create-dir", user("folder_name", "General"), "Datastore Error creating directory : Folder already exists"},
		{"/create-dir", fields{"container_name": noUser, "folder_name": "x"}, "Datastore Error creating directory : " + noUserPrefix + noUser},

		{"/del", user("folder_name", ""), "API Error" + deleting + noName},
		{"/del", fields{"folder_name": "x"}, "API Error" + deleting + noName},
		{"/del", user("folder_name", "nowhere"), "Datastore Error" + deleting + "…"},
		{"/del", user("folder_name", foreign), "Datastore Error" + deleting + "…"},
		{"/del", user("folder_name", general), "Datastore Error" + deleting + defaultRefused + v.id},

		{"/delete-request", fields{}, "API Error" + asking + noName},
		{"/delete-request", user("folder_uuid", none), "Datastore Error" + asking + noSetPrefix + none},
		{
			"/delete-request", user("folder_uuid", foreign),
			"Datastore Error" + asking + "User isn't owner of this folder, user uuid :" + v.id + ", folder uuid : " + foreign,
		},
		{"/delete-permanently", fields{}, "API Error" + deleting + "missing container name or directory id"},
		{"/delete-permanently", user("folder_uuid", none), "Datastore Error" + deleting + noSetPrefix + none},
		{
			"/delete-permanently", user("folder_uuid", foreign),
			"Datastore Error" + deleting + "User can't delete this folder, user uuid :" + v.id + ", folder name : " + foreign,
		},
		{"/delete-permanently", user("folder_uuid", general), "Datastore Error" + deleting + defaultRefused + v.id},
		{"/delete-with-archive", fields{}, "API Error" + deleting + noName},
		{"/delete-with-archive", user("folder_uuid", none), "Datastore Error" + deleting + noSetPrefix + none},
		{
			"/delete-with-archive", user("folder_uuid", foreign),
			"Datastore Error" + deleting + "User can't delete this folder, user uuid :" + v.id + ", folder name : " + foreign,
		},
		{"/delete-with-archive", user("folder_uuid", general), "Datastore Error" + deleting + defaultRefused + v.id},

		{"/get-picture", user("picture_id", ""), "API Error" + picture + "Missing container name"},
		{"/get-picture", fields{"picture_id": open.PictureID}, "API Error" + picture + "Missing container name"},
		{"/get-picture", user("picture_id", none), "Datastore Error" + picture + "Picture not found based on the given id: " + none},
		{"/get-picture", user("picture_id", theirs.PictureID), "Datastore Error" + picture + notOwnPicture + v.id + ", picture : " + theirs.PictureID},

		{"/image-validation", fields{}, "API Error validating image : Missing image"},
		{"/image-validation", fields{"image": "nocomma"}, "Unhandled API error : Error validating image…"},

		{"/inf", without("folder_name"), "API Error" + classifying + incomplete},
		{"/inf", without("container_name"), "API Error" + classifying + incomplete},
		{"/inf", without("imageDims"), "API Error" + classifying + incomplete},
		{"/inf", without("image"), "API Error" + classifying + incomplete},
		{"/inf", fields{}, "API Error" + classifying + incomplete},
		{"/inf", without("model_name"), "API Error" + classifying + "model None not found"},
		{"/inf", inf(func(f fields) { f["model_name"] = "zzz" }), "API Error" + classifying + "model zzz not found"},
		{"/inf", inf(func(f fields) { f["container_name"] = noUser }), "Datastore Error" + classifying + "Datastore Unhandled Error"},
		{
			"/inf", inf(func(f fields) { f["image"] = "data:image/png;base64," }),
			"API Error" + classifying + "An error occurred while processing the requests :\n The result send to the inference function is empty",
		},
		{"/inf", inf(func(f fields) { f["image"] = "data:image/png;base64,***" }), unhandledInf},
		{"/inf", inf(func(f fields) { f["image"] = "nocomma" }), unhandledInf},
		{"/inf", inf(func(f fields) { f["image"] = harness.DataURL("image/png", []byte("no picture")) }), unhandledInf},
		{"/inf", inf(func(f fields) { f["imageDims"] = "640x480" }), unhandledInf},
		{"/inf", inf(func(f fields) { f["color_format"] = "cmyk" }), "API Error" + classifying + "…"},
		{"/inf", "{", unhandledInf},

		{"/feedback-positive", fields{}, "API Error" + positive + noFeedback},
		{"/feedback-positive", fields{"userId": v.id, "inferenceId": open.ID}, "API Error" + positive + noFeedback},
		{"/feedback-positive", judge(v.id, open.ID, fields{}), "API Error" + positive + "missing request arguments: boxId is missing in boxes"},
		{"/feedback-positive", judge("", open.ID, fields{"boxId": open.Boxes[1].ID}), "API Error" + positive + "missing argument(s)"},
		{"/feedback-positive", judge(v.id, "", fields{"boxId": open.Boxes[1].ID}), "API Error" + positive + "missing argument(s)"},
		{"/feedback-positive", fields{"userId": v.id, "inferenceId": open.ID, "boxes": []any{}}, "API Error" + positive + "missing argument(s)"},
		{"/feedback-positive", judge(v.id, open.ID, fields{"boxId": ""}), "API Error" + positive + "missing argument(s)"},
		{
			"/feedback-positive", judge(v.id, open.ID, fields{"boxId": none}),
			"Datastore Error" + positive + "Error: could not get inference object for id " + none,
		},
		{
			"/feedback-positive", judge(v.id, none, fields{"boxId": none}),
			"Datastore Error" + positive + "Inference not found based on the given id: " + none,
		},
		{
			"/feedback-positive", judge(v.id, done.ID, fields{"boxId": done.Boxes[0].ID}),
			"Datastore Error" + positive + "Can't add feedback to a verified inference, id: " + done.ID,
		},
		{
			"/feedback-positive", judge(v.id, theirs.ID, fields{"boxId": theirs.Boxes[0].ID}),
			"Datastore Error" + positive + notOwnPicture + v.id + ", picture : " + theirs.PictureID,
		},
		{
			"/feedback-positive", judge(noUser, open.ID, fields{"boxId": open.Boxes[1].ID}),
			"Datastore Error" + positive + noUserPrefix + noUser,
		},

		{"/feedback-negative", fields{}, "API Error" + negative + noFeedback},
		{"/feedback-negative", fields{"userId": v.id, "boxes": []any{}}, "API Error" + negative + noFeedback},
		{
			"/feedback-negative", judge(v.id, done.ID, box(done.Boxes[0], asIs)),
			"Datastore Error" + negative + "Error: Inference " + done.ID + " is already verified",
		},
		{
			"/feedback-negative", judge(v.id, open.ID, box(open.Boxes[0], asIs)),
			"Datastore Error" + negative + "Error: Object " + open.Boxes[0].ID + " is already verified",
		},
		{
			"/feedback-negative", judge(noUser, open.ID, box(open.Boxes[1], asIs)),
			"Datastore Error" + negative + "Error: user_id " + noUser + " not found in the database",
		},
		{
			"/feedback-negative", judge(v.id, theirs.ID, box(theirs.Boxes[0], asIs)),
			"Datastore Error" + negative + notOwnPicture + v.id + ", picture : " + theirs.PictureID,
		},

		{"/new-batch-import", batch(nil), "API Error" + starting + batchMissing},
		{"/new-batch-import", fields{"nb_pictures": 3}, "API Error" + starting + batchMissing},
		{"/new-batch-import", fields{"container_name": v.id}, "API Error" + starting + batchMissing},
		{"/new-batch-import", fields{"container_name": "", "nb_pictures": 3}, "API Error" + starting + batchWrong},
		{
			"/new-batch-import",
			fields{"container_name": v.id, "nb_pictures": 3, "folder_name": "taken"},
			"Datastore Error" + starting + "Folder already exists",
		},

		{"/upload-picture", upload(func(f fields) { delete(f, "session_id") }), "API Error" + uploading + uploadMissing},
		{"/upload-picture", upload(func(f fields) { delete(f, "container_name") }), "API Error" + uploading + uploadMissing},
		{"/upload-picture", upload(func(f fields) { delete(f, "image") }), "API Error" + uploading + uploadMissing},
		{"/upload-picture", upload(func(f fields) { delete(f, "seed_name") }), "API Error" + uploading + uploadMissing},
		{"/upload-picture", upload(asIs), "Datastore Error" + uploading + "An error occured during the upload of the pictures"},
		{
			"/upload-picture", upload(func(f fields) { f["container_name"] = noUser }),
			"Datastore Error" + uploading + "An error occured during the upload of the pictures",
		},
		{"/upload-picture", upload(func(f fields) { f["session_id"], f["image"] = folder, "nocomma" }), "Unhandled API error : Error uploading picture…"},
		{
			"/upload-picture", upload(func(f fields) { f["session_id"], f["image"] = folder, "data:image/png;base64,***" }),
			"Unhandled API error : Error uploading picture…",
		},
	}
	for _, key := range []string{"boxId", "label", "box", "classId"} {
		entry := box(open.Boxes[1], func(f fields) { delete(f, key) })
		list = append(list, refusal{"/feedback-negative", judge(v.id, open.ID, entry), "API Error" + negative + badBox})
	}
	for _, wrong := range []any{0, -1, "1", "", true, 1.5, []int{1}, 1e30} {
		list = append(list, refusal{"/new-batch-import", batch(wrong), "API Error" + starting + batchWrong})
	}
	// The seed of an upload may be unknown only by name.
	session := v.session(t, 2, "")
	list = append(list, refusal{
		"/upload-picture", upload(func(f fields) {
			f["session_id"], f["seed_id"], f["image"] = session, none, image
		}), "Datastore Error" + uploading + "An error occured during the upload of the pictures",
	})
	return list
}

func testQuotedErrors(t *testing.T, w *world) {
	for _, tc := range quotedErrors(t, w) {
		answer := w.page.Post(t, tc.path, tc.body)
		if prefix, more := strings.CutSuffix(tc.text, "…"); more {
			answer.RefusedLike(t, 400, prefix)
		} else {
			answer.Refused(t, 400, tc.text)
		}
	}
}
