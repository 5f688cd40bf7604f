<?php

/**
 * What is to be done to a person's identities. Knows nothing of Roundcube.
 *
 * An identity counts as made by us while it is remembered and still has the address that it was made with; one that
 * was given another address belongs to the person from then on.
 *
 * @param array<int, string> $made  remembered: identity id => address
 * @param list<array>        $rows  the identities that there are, with identity_id and email
 * @param list<array>        $may   what the API answered, with address and display_name
 *
 * @return array{kept: array<int, string>, lost: list<int>, new: list<array>} what stays remembered, the ids to remove,
 *                                                                            and those of $may to make
 */
function identity_plan(array $made, array $rows, array $may): array
{
    $allowed = $present = $kept = $lost = [];
    foreach ($may as $one) {
        $allowed[strtolower($one['address'])] = $one;
    }
    foreach ($rows as $row) {
        $id = (int) $row['identity_id'];
        $address = strtolower($row['email']);
        $present[$address] = true;
        if (!isset($made[$id]) || $made[$id] !== $address) {
            continue;
        }
        if (isset($allowed[$address])) {
            $kept[$id] = $address;
        } else {
            $lost[] = $id;
        }
    }

    return ['kept' => $kept, 'lost' => $lost, 'new' => array_values(array_diff_key($allowed, $present))];
}
