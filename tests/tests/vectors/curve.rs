//! Keys and signatures on which verifiers are known to disagree.

use comity_core::digest::domains;
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};

use super::base::{Sign1, author, bytes, manifest, protected, sig_structure, uint};
use super::vector::{Of, Vector, hex};

/// The order of the base point, little endian (RFC 8032 section 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub fn all() -> Vec<Vector> {
    [keys(), weak_authors(), signatures()].concat()
}

fn keys() -> Vec<Vector> {
    let key = |name: &str, bytes: [u8; 32], code: &str, about: &str| {
        Vector::bad(name, Of::Key, bytes.to_vec(), code, about)
    };
    let mut vectors: Vec<Vector> = EIGHT_TORSION
        .iter()
        .enumerate()
        .map(|(index, point)| {
            let name = format!("key-torsion-{index}");
            key(
                &name,
                point.compress().to_bytes(),
                "key-small-order",
                "a point whose order divides 8",
            )
        })
        .collect();
    for (index, point) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let mixed = (author_point() + point).compress().to_bytes();
        let name = format!("key-mixed-{index}");
        vectors.push(key(
            &name,
            mixed,
            "key-mixed-order",
            "a good key plus a point of small order",
        ));
    }
    let not = "key-not-canonical";
    vectors.push(key("key-y-is-p", near_p(0), not, "y = p, a second encoding of y = 0"));
    vectors.push(key(
        "key-y-is-p-plus-1",
        near_p(1),
        not,
        "y = p + 1, a second encoding of the identity",
    ));
    vectors.push(key("key-y-is-p-plus-3", near_p(3), not, "y = p + 3, a second encoding of y = 3"));
    let mut negative_zero = [0; 32];
    (negative_zero[0], negative_zero[31]) = (1, 0x80);
    vectors.push(key(
        "key-negative-zero",
        negative_zero,
        not,
        "the identity with the sign of x set",
    ));
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    vectors.push(key("key-off-curve", off_curve, not, "y = 2, which no point of the curve has"));
    vectors.push(key("key-good", author().id().0, "ok", "the key of RFC 8032 section 7.1, test 1"));
    vectors
}

/// y = p + `more`, little endian, p = 2^255 - 19.
fn near_p(more: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    (y[0], y[31]) = (0xed + more, 0x7f);
    y
}

/// Records whose signature the plain equation of RFC 8032 accepts, under keys that nobody may enrol.
fn weak_authors() -> Vec<Vector> {
    let identity = EIGHT_TORSION[0];
    let any_message = record_by(identity, |_, _| (ED25519_BASEPOINT_POINT, Scalar::ONE), uint(0));
    let order_two = EIGHT_TORSION[4];
    let mixed_key = author_point() + order_two;
    // With a point of order 2 every second message verifies by the plain equation.
    let mixed = (0..64)
        .map(|salt| {
            let nonce = Scalar::from(1_000_u64 + salt);
            record_by_checked(mixed_key, nonce)
        })
        .find_map(|(signed, even)| even.then_some(signed))
        .expect("one of 64 hashes is even");
    vec![
        Vector::bad(
            "author-small-order",
            Of::Record,
            any_message,
            "key-small-order",
            "R = B, s = 1 is a signature of any message under the identity as key",
        ),
        Vector::bad(
            "author-mixed-order",
            Of::Record,
            mixed,
            "key-mixed-order",
            "signed under a key with a component of order 2, and the plain equation holds",
        ),
    ]
}

/// Signs under `key`; `sign` gets the hash scalar for the nonce point that it returns.
fn record_by(
    key: EdwardsPoint,
    sign: impl Fn(&[u8], &[u8]) -> (EdwardsPoint, Scalar),
    state: super::cbor::Item,
) -> Vec<u8> {
    let id = key.compress().to_bytes();
    let payload = manifest().with(2, state).with(4, bytes(&id)).item().encode();
    let header = protected().with(4, bytes(&id)).item().encode();
    let message = sig_structure(&header, domains::SIGN_RECORD, &payload);
    let (point, scalar) = sign(&id, &message);
    let signature = [point.compress().to_bytes(), scalar.to_bytes()].concat();
    Sign1 { signature, ..Sign1::under(header, &payload) }.signed()
}

fn record_by_checked(key: EdwardsPoint, nonce: Scalar) -> (Vec<u8>, bool) {
    let even = std::cell::Cell::new(false);
    let signed = record_by(
        key,
        |id, message| {
            let point = nonce * ED25519_BASEPOINT_POINT;
            let hash = challenge(&point.compress().to_bytes(), id, message);
            even.set(hash.to_bytes()[0] & 1 == 0);
            (point, nonce + hash * author_scalar())
        },
        uint(0),
    );
    (signed, even.get())
}

/// The same good manifest under signatures that are wrong in one way each.
fn signatures() -> Vec<Vector> {
    let payload = manifest().item().encode();
    let header = protected().item().encode();
    let message = sig_structure(&header, domains::SIGN_RECORD, &payload);
    let with = |signature: Vec<u8>| Sign1 { signature, ..Sign1::of(&payload) }.signed();
    let bad = |name: &str, signature: Vec<u8>, about: &str| {
        Vector::bad(name, Of::Record, with(signature), "bad-signature", about)
    };
    let good = Sign1::of(&payload).signature;
    let id = author().id().0;
    let nonce = Scalar::from(77_u64);
    // [s]B = R + [h]A holds where R has a component of small order that the sender leaves out of s.
    let crafted = |commitment: [u8; 32], secret: Scalar| {
        let hash = challenge(&commitment, &id, &message);
        [commitment, (secret + hash * author_scalar()).to_bytes()].concat()
    };
    let mixed = (nonce * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1]).compress().to_bytes();
    let small = EIGHT_TORSION[0].compress().to_bytes();
    let domain = sig_structure(&header, domains::SIGN_KEYRING, &payload);
    let no_domain = sig_structure(&header, "", &payload);
    let mut flipped = good.clone();
    flipped[10] ^= 1;
    let mut high = good.clone();
    high[63] |= 0x80;
    vec![
        bad("signature-s-plus-l", plus_order(&good), "S + L: the same signature once more"),
        bad("signature-s-high-bit", high, "the highest bit of S is set"),
        bad(
            "signature-r-small-order",
            crafted(small, Scalar::ZERO),
            "R is the identity, and the plain equation holds",
        ),
        bad(
            "signature-r-not-canonical",
            crafted(near_p(1), Scalar::ZERO),
            "R is the identity as y = p + 1",
        ),
        bad(
            "signature-r-mixed-order",
            crafted(mixed, nonce),
            "R has a component of order 8: only the equation times 8 holds",
        ),
        bad("signature-flipped-bit", flipped, "one bit of R is flipped"),
        bad("signature-zero", vec![0; 64], "64 zero bytes"),
        bad(
            "signature-other-domain",
            super::base::sign(&domain),
            "signed with the domain of keyrings",
        ),
        bad("signature-no-domain", super::base::sign(&no_domain), "signed without external data"),
        bad(
            "signature-over-payload",
            super::base::sign(&payload),
            "signed over the manifest's bytes alone",
        ),
        bad("signature-other-key", other_key(&message), "signed by another key than the one named"),
    ]
}

fn other_key(message: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer as _;
    ed25519_dalek::SigningKey::from_bytes(&[3; 32]).sign(message).to_bytes().to_vec()
}

fn plus_order(signature: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    let mut carry = 0_u16;
    for (byte, order) in out[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = (carry & 0xff) as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0, "{} has room for the order", hex(signature));
    out
}

/// RFC 8032 section 5.1.6, step 4: the hash of R, A and the message, modulo the order.
fn challenge(commitment: &[u8], key: &[u8], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(commitment).chain_update(key).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// RFC 8032 section 5.1.5: the secret scalar of the author's seed.
fn author_scalar() -> Scalar {
    let hash: [u8; 64] = Sha512::digest(author().seed()).into();
    let mut scalar: [u8; 32] = hash[..32].try_into().expect("half a hash");
    scalar[0] &= 248;
    scalar[31] = scalar[31] & 127 | 64;
    Scalar::from_bytes_mod_order(scalar)
}

fn author_point() -> EdwardsPoint {
    let point = author_scalar() * ED25519_BASEPOINT_POINT;
    assert_eq!(point.compress().to_bytes(), author().id().0);
    point
}
